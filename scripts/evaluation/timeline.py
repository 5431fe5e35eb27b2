"""What went wrong when: found speakers matched to true ones, and the time in error between them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from evaluation.rttm_turns import Turn, speakers_of

Activity = NDArray[np.bool_]  # (n_speakers, n_spans)


class ErrorSpan(NamedTuple):
    """A stretch of time in which the number of speakers in error does not change.

    `n_missed`, `n_false` and `n_confused` are md-eval's: true speakers beyond the number of found
    ones, found beyond true, and the others whose match is not talking.
    """

    begin_s: float
    end_s: float
    n_missed: int
    n_false: int
    n_confused: int


def matched_speakers(reference: Sequence[Turn], found: Sequence[Turn]) -> dict[str, str]:
    """Match found speakers to true ones so that the time they talk together is longest.

    Returns
    -------
    dict[str, str]
        True speaker by found speaker, one to one; who shares no time with anyone is left out.
    """
    edges = _edges([*reference, *found])
    true_names, found_names = speakers_of(reference), speakers_of(found)
    true_activity = _activity(reference, true_names, edges).astype(np.float64)
    shared_s = (true_activity * np.diff(edges)) @ _activity(found, found_names, edges).T
    rows, columns = linear_sum_assignment(shared_s, maximize=True)
    return {
        found_names[column]: true_names[row]
        for row, column in zip(rows, columns, strict=True)
        if shared_s[row, column] > 0
    }


def error_spans(
    reference: Sequence[Turn], found: Sequence[Turn], match: Mapping[str, str]
) -> list[ErrorSpan]:
    """Find the time in error, no collar; false alarms beyond the reference's extent count too.

    Parameters
    ----------
    reference, found : Sequence[Turn]
        True and found turns.
    match : Mapping[str, str]
        True speaker by found speaker.
    """
    edges = _edges([*reference, *found])
    true_names, found_names = speakers_of(reference), speakers_of(found)
    is_true = _activity(reference, true_names, edges)
    is_found = _activity(found, found_names, edges)
    n_true, n_found = is_true.sum(axis=0), is_found.sum(axis=0)
    n_right = np.zeros(len(edges) - 1, dtype=np.int64)
    for name, true_name in match.items():
        n_right += is_found[found_names.index(name)] & is_true[true_names.index(true_name)]
    n_missed, n_false = np.maximum(n_true - n_found, 0), np.maximum(n_found - n_true, 0)
    n_confused = np.minimum(n_true, n_found) - n_right
    counts = np.stack([n_missed, n_false, n_confused], axis=1)
    return [
        ErrorSpan(float(edges[i]), float(edges[i + 1]), *map(int, counts[i]))
        for i in np.flatnonzero(counts.any(axis=1))
    ]


def _edges(turns: Sequence[Turn]) -> NDArray[np.float64]:
    """Times at which anything changes, ascending, each once."""
    return np.unique([edge for turn in turns for edge in (turn.begin_s, turn.end_s)] or [0.0])


def _activity(turns: Sequence[Turn], names: Sequence[str], edges: NDArray[np.float64]) -> Activity:
    """Who talks between one edge and the next: (n_names, n_edges - 1)."""
    active = np.zeros((len(names), len(edges) - 1), dtype=np.bool_)
    for turn in turns:
        first, last = np.searchsorted(edges, (turn.begin_s, turn.end_s))
        active[names.index(turn.speaker), first:last] = True
    return active
