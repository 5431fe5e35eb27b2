"""How much each speaker talks. The viewer counts the same way, anew after every correction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from formats.result import Turn, by_speaker


@dataclass(frozen=True)
class SpeakerStatistics:
    """One speaker's numbers.

    Parameters
    ----------
    speaker : str
        Name.
    n_turns : int
        Number of turns.
    talk_ms : int
        Time in which the speaker talks.
    share : float
        Of the talk time of all speakers, 0 to 1.
    mean_turn_ms, longest_turn_ms : float, int
        Of the turns as they stand.
    overlap_share : float
        Of the speaker's talk time, that in which somebody else talks too, 0 to 1.
    """

    speaker: str
    n_turns: int
    talk_ms: int
    share: float
    mean_turn_ms: float
    longest_turn_ms: int
    overlap_share: float


def statistics(turns: Sequence[Turn]) -> list[SpeakerStatistics]:
    """Count for every speaker, by first appearance."""
    talk_ms, overlap_ms = _talk_times(turns)
    all_ms = sum(talk_ms.values())
    return [
        _of_speaker(name, own, talk_ms[name], overlap_ms[name], all_ms)
        for name, own in by_speaker(turns).items()
    ]


def _talk_times(turns: Sequence[Turn]) -> tuple[Counter[str], Counter[str]]:
    """Milliseconds in which each speaker talks, and those in which somebody else does too.

    A speaker's overlap is read off the recording's: what it grew by while the speaker talked. So
    the work does not grow with the number of those who talk at once.
    """
    changes = [(turn.start_ms, 1, turn.speaker) for turn in turns]
    changes += [(turn.end_ms, -1, turn.speaker) for turn in turns]
    talk_ms: Counter[str] = Counter()
    overlap_ms: Counter[str] = Counter()
    n_open: Counter[str] = Counter()  # of those who talk
    several_ms = reached_ms = 0  # in which two or more talked, up to the last change
    for time_ms, step, name in sorted(changes):
        several_ms += time_ms - reached_ms if len(n_open) > 1 else 0
        reached_ms = time_ms
        was_open = n_open[name]
        n_open[name] = was_open + step
        if not was_open:
            talk_ms[name] -= time_ms
            overlap_ms[name] -= several_ms
        elif not n_open[name]:
            talk_ms[name] += time_ms
            overlap_ms[name] += several_ms
            del n_open[name]
    return talk_ms, overlap_ms


def _of_speaker(
    name: str, turns: Sequence[Turn], talk_ms: int, overlap_ms: int, all_ms: int
) -> SpeakerStatistics:
    lengths_ms = [turn.end_ms - turn.start_ms for turn in turns]
    return SpeakerStatistics(
        name,
        len(lengths_ms),
        talk_ms,
        talk_ms / all_ms if all_ms else 0.0,
        sum(lengths_ms) / len(lengths_ms),
        max(lengths_ms),
        overlap_ms / talk_ms if talk_ms else 0.0,
    )
