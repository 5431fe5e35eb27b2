"""The best one-to-one pairs of speakers and names."""

import numpy as np
from numpy.typing import NDArray


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
    n_all = n_columns + n_rows  # one more column per row, in which the row stays alone
    costs = np.zeros((n_rows, n_all))
    costs[:, :n_columns] = -np.maximum(gains, 0.0)
    of_rows, of_columns = np.zeros(n_rows), np.zeros(n_all + 1)  # potentials
    row_of = np.full(n_all + 1, -1)  # by column; the last column is where each path starts
    for row in range(n_rows):
        row_of[-1], column = row, -1
        distance, came_from = np.full(n_all, np.inf), np.full(n_all, -1)
        reached = np.zeros(n_all + 1, bool)
        while row_of[column] >= 0:
            reached[column] = True
            here = row_of[column]
            reduced = costs[here] - of_rows[here] - of_columns[:-1]
            better = ~reached[:-1] & (reduced < distance)
            distance[better], came_from[better] = reduced[better], column
            column = int(np.where(reached[:-1], np.inf, distance).argmin())
            step = distance[column]
            of_rows[row_of[reached]] += step
            of_columns[reached] -= step
            distance[~reached[:-1]] -= step
        while column >= 0:  # moves the rows on the path by one column each
            row_of[column] = row_of[came_from[column]]
            column = int(came_from[column])
    pairs = ((int(row), column) for column, row in enumerate(row_of[:n_columns]) if row >= 0)
    return sorted(pair for pair in pairs if gains[pair] > 0)
