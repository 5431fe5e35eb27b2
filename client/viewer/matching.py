"""Which found speaker is which true one: the one-to-one match that shares most time."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from formats.result import Turn
from scoring.assignment import best_pairs
from viewer.stretches import stretches


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
    pairs = best_pairs(gains.reshape(len(rows), len(columns)))
    return {columns[column]: rows[row] for row, column in pairs}
