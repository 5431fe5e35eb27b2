"""Turns read from RTTM lines and written as RTTM, and how much time they cover."""

from collections.abc import Iterable
from typing import NamedTuple

_SPEAKER_FIELDS = 8  # up to and including the speaker's name


class Turn(NamedTuple):
    """One speaker talks from `begin_s` to `end_s` (half-open)."""

    begin_s: float
    end_s: float
    speaker: str


def turns_of(lines: Iterable[str]) -> list[Turn]:
    """Read the SPEAKER lines of one recording; all other lines and empty turns are left out."""
    rows = [fields for line in lines if len(fields := line.split()) >= _SPEAKER_FIELDS]
    return [
        Turn(float(row[3]), float(row[3]) + float(row[4]), row[7])
        for row in rows
        if row[0].upper() == "SPEAKER" and float(row[4]) > 0
    ]


def rttm_text(recording_id: str, turns: Iterable[Turn]) -> str:
    """Write turns as RTTM, by begin, times to the millisecond."""
    return "".join(
        f"SPEAKER {recording_id} 1 {begin_s:.3f} {end_s - begin_s:.3f} "
        f"<NA> <NA> {speaker} <NA> <NA>\n"
        for begin_s, end_s, speaker in sorted(turns)
    )


def speakers_of(turns: Iterable[Turn]) -> list[str]:
    """Names of the speakers, each once, by first appearance."""
    return list(dict.fromkeys(turn.speaker for turn in sorted(turns)))


def covered_s(turns: Iterable[Turn]) -> float:
    """Seconds during which at least one speaker talks."""
    total_s, reached_s = 0.0, 0.0
    for begin_s, end_s, _ in sorted(turns):
        total_s += max(0.0, end_s - max(begin_s, reached_s))
        reached_s = max(reached_s, end_s)
    return total_s
