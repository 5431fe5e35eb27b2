"""Turns moved, joined, and the time that they cover; half-open, in whole milliseconds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from formats.result import Turn
from viewer.errors import stretches


def moved(turns: Iterable[Turn], by_ms: int, end_ms: int | None = None) -> list[Turn]:
    """Move turns in time; what comes to lie before 0, or after `end_ms`, is cut off."""
    shifted = (
        replace(
            turn,
            start_ms=max(0, turn.start_ms + by_ms),
            end_ms=turn.end_ms + by_ms if end_ms is None else min(turn.end_ms + by_ms, end_ms),
        )
        for turn in turns
    )
    return [turn for turn in shifted if turn.end_ms > turn.start_ms]


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Join turns of one speaker that touch or overlap; by begin."""
    last: dict[str, int] = {}
    whole: list[Turn] = []
    for turn in sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms)):
        place = last.get(turn.speaker)
        if place is not None and turn.start_ms <= whole[place].end_ms:
            whole[place] = replace(whole[place], end_ms=max(whole[place].end_ms, turn.end_ms))
        else:
            last[turn.speaker] = len(whole)
            whole.append(turn)
    return whole


def alone_ms(turns: Sequence[Turn], speaker: str) -> list[tuple[int, int]]:
    """List the stretches, (begin, end), in which only `speaker` talks."""
    alone = [
        Turn(stretch.start_ms, stretch.end_ms, speaker)
        for stretch in stretches(turns, [])
        if stretch.true == {speaker}
    ]
    return [(turn.start_ms, turn.end_ms) for turn in merged(alone)]


def covered_ms(turns: Sequence[Turn]) -> int:
    """Return the time during which at least one speaker talks."""
    return sum(stretch.end_ms - stretch.start_ms for stretch in stretches(turns, []))
