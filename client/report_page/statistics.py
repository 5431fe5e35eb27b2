"""How much each speaker talks. The viewer counts the same way, anew after every correction."""

from collections.abc import Sequence
from dataclasses import dataclass

from formats.result import Turn
from report_page.stretches import stretches


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
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    talk_ms, overlap_ms = dict.fromkeys(speakers, 0), dict.fromkeys(speakers, 0)
    for stretch in stretches(turns):
        (talking,) = stretch.talking
        for name in talking:
            talk_ms[name] += stretch.length_ms
            overlap_ms[name] += stretch.length_ms if len(talking) > 1 else 0
    all_ms = sum(talk_ms.values())
    return [_of_speaker(name, turns, talk_ms[name], overlap_ms[name], all_ms) for name in speakers]


def _of_speaker(
    name: str, turns: Sequence[Turn], talk_ms: int, overlap_ms: int, all_ms: int
) -> SpeakerStatistics:
    lengths_ms = [turn.end_ms - turn.start_ms for turn in turns if turn.speaker == name]
    return SpeakerStatistics(
        name,
        len(lengths_ms),
        talk_ms,
        talk_ms / all_ms if all_ms else 0.0,
        sum(lengths_ms) / len(lengths_ms),
        max(lengths_ms),
        overlap_ms / talk_ms if talk_ms else 0.0,
    )
