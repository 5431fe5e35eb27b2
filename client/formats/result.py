"""One recording's result, which every format is written from; times in whole milliseconds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


class FormatError(ValueError):
    """An answer lacks what a format needs, or cannot be parsed; the message is one sentence."""


@dataclass(frozen=True)
class Turn:
    """One turn of a speaker.

    `confidence`, 0 to 1, is None if it was not requested. `channel` counts from 1; it is 1 unless
    the channels were diarized separately.
    """

    start_ms: int
    end_ms: int
    speaker: str
    confidence: float | None = None
    channel: int = 1


@dataclass(frozen=True)
class Doubt:
    """Whether more speakers may be present than the service found.

    `unlike_share`, 0 to 1, is the share of the speech that resembles none of them; with separate
    channels, that of the channel in which it is largest.
    """

    unlike_share: float
    more_speakers_likely: bool


@dataclass(frozen=True)
class Result:
    """One recording's answer.

    Parameters
    ----------
    recording_id
        Without white space.
    turns
        Sorted by begin; those of different speakers may overlap.
    audio_ms
        Length of the audio, if the service reported it.
    mode
        `full` or `classic`, if the service reported it.
    n_separate
        Number of channels if each was diarized on its own, else None.
    doubt
        Whether speakers may be missing, if the service reported it.
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
        """Length of the audio; FormatError if the service did not report it."""
        if self.audio_ms is None:
            raise FormatError("the answer's INFO holds no audio_s, expected seconds of audio")
        return self.audio_ms


def more_speakers(doubt: Doubt, found: str, n_separate: int | None) -> str:
    """Return the clause that more speakers may be present than `found`, such as "the 5 found"."""
    speech = "the speech" if n_separate is None else "the speech on one channel"
    return (
        f"more speakers may be present than {found}: {100 * doubt.unlike_share:.0f} % of {speech} "
        "is like no speaker found"
    )


def speakers_of(turns: Iterable[Turn]) -> list[str]:
    """Names of the speakers, each once, by first appearance."""
    return list(dict.fromkeys(turn.speaker for turn in turns))


def talk_ms(turns: Iterable[Turn]) -> dict[str, int]:
    """Sum the lengths of each speaker's turns; the speakers by first appearance."""
    sums: dict[str, int] = defaultdict(int)
    for turn in turns:
        sums[turn.speaker] += turn.end_ms - turn.start_ms
    return dict(sums)


def by_speaker(turns: Iterable[Turn]) -> dict[str, list[Turn]]:
    """Group turns, in their order; the speakers by first appearance."""
    groups: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        groups[turn.speaker].append(turn)
    return dict(groups)


def seconds(time_ms: int) -> str:
    """Format seconds with three digits: 6756 becomes 6.756."""
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"
