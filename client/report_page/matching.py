"""Which found speaker is which true one: the one-to-one match that shares most time."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from formats.result import Turn
from report_page.stretches import stretches


def matched_speakers(reference: Sequence[Turn], found: Sequence[Turn]) -> dict[str, str]:
    """Match found speakers to true ones so that the time they talk together is longest.

    Returns
    -------
    dict[str, str]
        True speaker by found speaker; who shares no time with anyone is left out.
    """
    shared_ms: Counter[tuple[str, str]] = Counter()
    for stretch in stretches(reference, found):
        true_names, found_names = stretch.talking
        for pair in ((true, name) for true in true_names for name in found_names):
            shared_ms[pair] += stretch.length_ms
    rows = sorted({true for true, _ in shared_ms})
    columns = sorted({name for _, name in shared_ms})
    gains = np.array([[shared_ms[row, column] for column in columns] for row in rows])
    return {
        columns[column]: rows[row]
        for row, column in best_pairs(gains)
        if shared_ms[rows[row], columns[column]]
    }


def best_pairs(gains: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Choose pairs (row, column), each row and column at most once, of the greatest sum.

    The Hungarian method with potentials, one shortest path per row: O(n_rows^2 n_columns). Scipy
    has it too, but the client does without.

    Parameters
    ----------
    gains : NDArray[np.int64]
        Shape (n_rows, n_columns), 0 or more.

    Returns
    -------
    list[tuple[int, int]]
        min(n_rows, n_columns) pairs.
    """
    if not gains.size:
        return []
    if len(gains) > len(gains[0]):
        return [(row, column) for column, row in best_pairs(gains.T)]
    costs = -gains.astype(np.float64)
    row_of = np.full(costs.shape[1] + 1, -1)  # the last column is where each path begins
    row_price, column_price = np.zeros(len(costs)), np.zeros(len(row_of))
    for row in range(len(costs)):
        _give_a_column(row, costs, row_of, row_price, column_price)
    return [(int(row), column) for column, row in enumerate(row_of[:-1]) if row >= 0]


def _give_a_column(
    row: int,
    costs: NDArray[np.float64],
    row_of: NDArray[np.int64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> None:
    """Find `row` a column; others move to other columns where that costs least."""
    n_columns = costs.shape[1]
    distance, came_from = np.full(n_columns, np.inf), np.full(n_columns, n_columns)
    visited = np.zeros(n_columns + 1, dtype=np.bool_)
    column, row_of[n_columns] = n_columns, row
    while row_of[column] >= 0:
        visited[column] = True
        here = row_of[column]
        reduced = costs[here] - row_price[here] - column_price[:-1]
        shorter = ~visited[:-1] & (reduced < distance)
        distance[shorter], came_from[shorter] = reduced[shorter], column
        reachable = np.where(visited[:-1], np.inf, distance)
        column = int(reachable.argmin())
        step = reachable[column]
        row_price[row_of[visited]] += step
        column_price[visited] -= step
        distance[~visited[:-1]] -= step
    while column != n_columns:
        row_of[column] = row_of[came_from[column]]
        column = came_from[column]
