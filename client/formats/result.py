"""One recording's result, which every format is written from; times in whole milliseconds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


class FormatError(ValueError):
    """An answer lacks what a format needs, or cannot be read; the message is one sentence."""


@dataclass(frozen=True)
class Turn:
    """One speaker talking; `confidence`, 0 to 1, is None where nobody asked for it.

    `channel`, from 1, is the one in which it was heard; 1 where channels were not told apart.
    """

    start_ms: int
    end_ms: int
    speaker: str
    confidence: float | None = None
    channel: int = 1


@dataclass(frozen=True)
class Doubt:
    """Whether more speakers may be present than the service found.

    `unlike_share`, 0 to 1, is the share of the speech that is like none of them; where channels
    were told apart, that of the channel in which it is largest.
    """

    unlike_share: float
    more_speakers_likely: bool


@dataclass(frozen=True)
class Result:
    """One recording's answer.

    Parameters
    ----------
    recording_id : str
        Without white space.
    turns : tuple[Turn, ...]
        In order of begin; those of different speakers may overlap.
    audio_ms : int | None
        Length of the audio, where the service told it.
    mode : str | None
        `full` or `classic`, where the service told it.
    n_separate : int | None
        Number of channels, where each was diarized on its own; None where they were not.
    doubt : Doubt | None
        About the number of speakers that the service found, where it told it.
    """

    recording_id: str
    turns: tuple[Turn, ...]
    audio_ms: int | None = None
    mode: str | None = None
    n_separate: int | None = None
    doubt: Doubt | None = None

    @property
    def speakers(self) -> list[str]:
        """Names of the speakers, by first appearance."""
        return speakers_of(self.turns)

    @property
    def length_ms(self) -> int:
        """Length of the audio; FormatError where the service did not tell it."""
        if self.audio_ms is None:
            raise FormatError("the answer's INFO holds no audio_s, expected seconds of audio")
        return self.audio_ms


def more_speakers(doubt: Doubt, found: str, n_separate: int | None) -> str:
    """Say that more speakers may be present than `found`, as "the 5 found"; no whole sentence."""
    speech = "the speech" if n_separate is None else "the speech on one channel"
    return (
        f"more speakers may be present than {found}: {100 * doubt.unlike_share:.0f} % of {speech} "
        "is like no speaker found"
    )


def speakers_of(turns: Iterable[Turn]) -> list[str]:
    """Names of the speakers, each once, by first appearance."""
    return list(dict.fromkeys(turn.speaker for turn in turns))


def by_speaker(turns: Iterable[Turn]) -> dict[str, list[Turn]]:
    """Group turns, in their order; the speakers by first appearance."""
    groups: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        groups[turn.speaker].append(turn)
    return dict(groups)


def seconds(time_ms: int) -> str:
    """Write seconds with three digits: 6756 becomes 6.756."""
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"
