"""The errors of an answer against its reference: missed, false alarm, confusion; no collar.

Found speakers are matched to true ones, one to one, so that the time they talk together is longest.
Then errors count as in md-eval: of the speakers in a stretch without their counterpart, true and
found ones are confused with each other as far as both go; further true ones are missed, further
found ones are false alarms. Unlike md-eval without a UEM file, the whole recording counts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from formats.result import Turn
from scoring.assignment import best_pairs

KINDS = ("missed", "false_alarm", "confusion")


@dataclass(frozen=True)
class Error:
    """One stretch in error.

    Parameters
    ----------
    kind
        One of KINDS.
    start_ms, end_ms
        The stretch.
    n_speakers
        How many speakers at once are in error; their time counts that many times.
    true, found
        Who talks there without being found, and who is found there without talking, sorted.
    """

    kind: str
    start_ms: int
    end_ms: int
    n_speakers: int
    true: tuple[str, ...]
    found: tuple[str, ...]


class Stretch(NamedTuple):
    """A time within which the same speakers talk, of the reference and of the answer."""

    start_ms: int
    end_ms: int
    true: frozenset[str]
    found: frozenset[str]


def find_errors(
    reference: Sequence[Turn], found: Sequence[Turn], match: Mapping[str, str]
) -> list[Error]:
    """Find all errors, by start; adjacent ones of the same speakers are one.

    Parameters
    ----------
    reference, found
        True and found turns.
    match
        True speaker by found speaker.
    """
    by_kind: dict[str, list[Error]] = {kind: [] for kind in KINDS}
    for stretch in stretches(reference, found):
        for error in _errors_in(stretch, match):
            _append(error, by_kind[error.kind])
    joined = [error for kind in KINDS for error in by_kind[kind]]
    return sorted(joined, key=lambda error: error.start_ms)


def match_speakers(reference: Sequence[Turn], found: Sequence[Turn]) -> dict[str, str]:
    """Match found speakers to true ones.

    Returns
    -------
    dict[str, str]
        True speaker by found speaker; without those who share no time with anyone.
    """
    shared_ms: Counter[tuple[str, str]] = Counter()
    for start_ms, end_ms, true_names, found_names in stretches(reference, found):
        for pair in ((true, name) for true in true_names for name in found_names):
            shared_ms[pair] += end_ms - start_ms
    rows = sorted({true for true, _ in shared_ms})
    columns = sorted({name for _, name in shared_ms})
    gains = np.array([[shared_ms[row, column] for column in columns] for row in rows])
    pairs = best_pairs(gains.reshape(len(rows), len(columns)))
    return {columns[column]: rows[row] for row, column in pairs}


def total_ms(errors: Sequence[Error]) -> dict[str, int]:
    """Sum the speaker time in error by kind."""
    totals = dict.fromkeys(KINDS, 0)
    for error in errors:
        totals[error.kind] += (error.end_ms - error.start_ms) * error.n_speakers
    return totals


def stretches(reference: Sequence[Turn], found: Sequence[Turn]) -> Iterator[Stretch]:
    """Yield the stretches in which anyone talks, in order; turns of one speaker may overlap."""
    changes = sorted(
        change
        for number, turns in enumerate((reference, found))
        for turn in turns
        for change in (
            (turn.start_ms, number, turn.speaker, 1),
            (turn.end_ms, number, turn.speaker, -1),
        )
    )
    n_open: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    reached_ms = 0
    for time_ms, number, speaker, step in changes:
        if time_ms > reached_ms and any(n_open):
            yield Stretch(reached_ms, time_ms, *map(frozenset, n_open))
        reached_ms = time_ms
        n_open[number][speaker] += step
        if not n_open[number][speaker]:
            del n_open[number][speaker]


def _errors_in(stretch: Stretch, match: Mapping[str, str]) -> Iterator[Error]:
    right = {name for name in stretch.found if match.get(name) in stretch.true}
    true = tuple(sorted(stretch.true - {match[name] for name in right}))
    found = tuple(sorted(stretch.found - right))
    counts = (len(true) - len(found), len(found) - len(true), min(len(true), len(found)))
    for kind, n_speakers in zip(KINDS, counts, strict=True):
        if n_speakers > 0:
            yield Error(kind, stretch.start_ms, stretch.end_ms, n_speakers, true, found)


def _append(error: Error, earlier: list[Error]) -> None:
    """Add an error, or extend the last one."""
    if earlier and earlier[-1].end_ms == error.start_ms:
        extended = replace(earlier[-1], end_ms=error.end_ms)
        if replace(extended, start_ms=error.start_ms) == error:
            earlier[-1] = extended
            return
    earlier.append(error)
