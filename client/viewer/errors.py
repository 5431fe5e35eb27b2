"""Where an answer differs from its reference: missed, false alarm, confusion; no collar.

As md-eval counts it: of the speakers in one stretch who have no right counterpart, true and found
ones are confused with each other as far as both go; true ones beyond are missed, found ones beyond
are false alarms. Unlike md-eval without a UEM file, the whole recording counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from formats.result import Turn
from viewer.stretches import Stretch, stretches

KINDS = ("missed", "false_alarm", "confusion")


@dataclass(frozen=True)
class Error:
    """One stretch in error.

    Parameters
    ----------
    kind : str
        One of KINDS.
    start_ms, end_ms : int
        The stretch.
    n_speakers : int
        How many speakers at once are in error; their time counts as often.
    true, found : tuple[str, ...]
        Who talks there without being found, and who is found there without talking, sorted.
    """

    kind: str
    start_ms: int
    end_ms: int
    n_speakers: int
    true: tuple[str, ...]
    found: tuple[str, ...]


def errors(
    reference: Sequence[Turn], found: Sequence[Turn], match: Mapping[str, str]
) -> list[Error]:
    """Find all errors, by begin; those that go on without a change are one.

    Parameters
    ----------
    reference, found : Sequence[Turn]
        True and found turns.
    match : Mapping[str, str]
        True speaker by found speaker.
    """
    by_kind: dict[str, list[Error]] = {kind: [] for kind in KINDS}
    for stretch in stretches(reference, found):
        for error in _errors_in(stretch, match):
            _append(error, by_kind[error.kind])
    joined = [error for kind in KINDS for error in by_kind[kind]]
    return sorted(joined, key=lambda error: error.start_ms)


def _append(error: Error, earlier: list[Error]) -> None:
    """Add an error, or let the last one go on."""
    if earlier and earlier[-1].end_ms == error.start_ms:
        going_on = replace(earlier[-1], end_ms=error.end_ms)
        if replace(going_on, start_ms=error.start_ms) == error:
            earlier[-1] = going_on
            return
    earlier.append(error)


def _errors_in(stretch: Stretch, match: Mapping[str, str]) -> Iterator[Error]:
    true_names, found_names = stretch.talking
    right = {name for name in found_names if match.get(name) in true_names}
    true = tuple(sorted(true_names - {match[name] for name in right}))
    found = tuple(sorted(found_names - right))
    counts = (len(true) - len(found), len(found) - len(true), min(len(true), len(found)))
    for kind, n_speakers in zip(KINDS, counts, strict=True):
        if n_speakers > 0:
            yield Error(kind, stretch.start_ms, stretch.end_ms, n_speakers, true, found)


def totals_ms(found_errors: Sequence[Error]) -> dict[str, int]:
    """Sum up speaker time in error by kind."""
    return {
        kind: sum(
            (error.end_ms - error.start_ms) * error.n_speakers
            for error in found_errors
            if error.kind == kind
        )
        for kind in KINDS
    }
