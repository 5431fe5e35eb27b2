"""The best one-to-one pairs of speakers and names."""

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


def best_pairs(gains: NDArray[np.float64 | np.int64]) -> list[tuple[int, int]]:
    """Pairs (row, column), each row and column in at most one, with the largest sum of gains.

    Only pairs with a gain above zero are made, so rows and columns may stay alone. Exact, by
    shortest augmenting paths with potentials (Jonker and Volgenant 1987), in O(rows^2 columns).
    Scipy's `linear_sum_assignment` does the same, but it would be the largest package of a client
    that needs scipy for nothing else.

    Parameters
    ----------
    gains
        shape=(n_rows, n_columns), finite.

    Returns
    -------
    list of (int, int)
        By row.
    """
    n_rows, n_columns = gains.shape
    # One more column per row, in which the row stays alone, without gain.
    costs = np.zeros((n_rows, n_columns + n_rows))
    costs[:, :n_columns] = -np.maximum(gains, 0.0)
    row_of = np.full(costs.shape[1], -1)
    of_rows, of_columns = np.zeros(n_rows), np.zeros(costs.shape[1])
    for row in range(n_rows):
        _augment(row, costs, row_of, of_rows, of_columns)
    pairs = ((int(row), column) for column, row in enumerate(row_of[:n_columns]) if row >= 0)
    return sorted(pair for pair in pairs if gains[pair] > 0)


def _augment(
    row: int, costs: _Floats, row_of: NDArray[np.int_], of_rows: _Floats, of_columns: _Floats
) -> None:
    """Give `row` a column along the cheapest path, moving earlier rows; writes into the others."""
    distance = np.full(costs.shape[1], np.inf)
    came_from = np.full(costs.shape[1], -1)  # column before this one on its path, -1: the start
    reached = np.zeros(costs.shape[1], bool)
    column, here, far = -1, row, 0.0
    while True:
        longer = far + costs[here] - of_rows[here] - of_columns
        better = ~reached & (longer < distance)
        distance[better], came_from[better] = longer[better], column
        column = int(np.where(reached, np.inf, distance).argmin())
        far = float(distance[column])
        reached[column] = True
        here = int(row_of[column])
        if here < 0:
            break
    _shift(row, far, reached, distance, row_of, of_rows, of_columns)
    while column >= 0:
        before = int(came_from[column])
        row_of[column] = row if before < 0 else row_of[before]
        column = before


def _shift(  # noqa: PLR0913 - the state of one search
    row: int,
    far: float,
    reached: NDArray[np.bool_],
    distance: _Floats,
    row_of: NDArray[np.int_],
    of_rows: _Floats,
    of_columns: _Floats,
) -> None:
    """Change the potentials so that the path costs nothing more."""
    of_rows[row] += far
    for column in np.flatnonzero(reached):
        if row_of[column] >= 0:
            of_rows[row_of[column]] += far - distance[column]
        of_columns[column] -= far - distance[column]
