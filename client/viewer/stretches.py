"""Time cut wherever somebody begins or ends: within a stretch the same people talk."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from formats.result import Turn


class Stretch(NamedTuple):
    """From `start_ms` to `end_ms` these talk; one set of names for each list of turns."""

    start_ms: int
    end_ms: int
    talking: tuple[frozenset[str], ...]

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms


def stretches(*lists: Sequence[Turn]) -> Iterator[Stretch]:
    """Yield the stretches in which anybody talks, in order.

    Parameters
    ----------
    *lists : Sequence[Turn]
        Turns that are looked at side by side, such as those of a reference and of an answer. Turns
        of one speaker in one list may overlap.
    """
    changes = sorted(
        change
        for number, turns in enumerate(lists)
        for turn in turns
        for change in (
            (turn.start_ms, number, turn.speaker, 1),
            (turn.end_ms, number, turn.speaker, -1),
        )
    )
    open_turns: list[Counter[str]] = [Counter() for _ in lists]
    reached_ms = 0
    for time_ms, number, speaker, step in changes:
        talking = tuple(frozenset(name for name, n in each.items() if n > 0) for each in open_turns)
        if time_ms > reached_ms and any(talking):
            yield Stretch(reached_ms, time_ms, talking)
        reached_ms = time_ms
        open_turns[number][speaker] += step
        if not open_turns[number][speaker]:
            del open_turns[number][speaker]
