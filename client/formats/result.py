"""What a format is written from: one recording's turns, in whole milliseconds as in RTTM."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_N_RTTM_FIELDS = 9  # of ten, the last may be missing


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
        return list(dict.fromkeys(turn.speaker for turn in self.turns))

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


def by_speaker(turns: Iterable[Turn]) -> dict[str, list[Turn]]:
    """Group turns, in their order; the speakers by first appearance."""
    groups: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        groups[turn.speaker].append(turn)
    return dict(groups)


def turns_in_rttm(text: str, confidences: Sequence[float] | None = None) -> tuple[Turn, ...]:
    """Read the turns of one recording's RTTM lines.

    Parameters
    ----------
    text : str
        SPEAKER lines of RTTM.
    confidences : Sequence[float] | None
        One for every line, 0 to 1.

    Raises
    ------
    FormatError
        If a line is no turn, or the lines and confidences are not equally many.
    """
    lines = text.splitlines()
    known = [None] * len(lines) if confidences is None else list(confidences)
    if len(known) != len(lines):
        raise FormatError(
            f"the answer's CONFIDENCE has {len(known)} values, expected {len(lines)}, one per turn"
        )
    return tuple(_turn(line, confidence) for line, confidence in zip(lines, known, strict=True))


def seconds(time_ms: int) -> str:
    """Write seconds with three digits: 6756 becomes 6.756."""
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"


def clock(time_ms: int, point: str) -> str:
    """Write hours, minutes and seconds: 6756 becomes 00:00:06.756, given "." as `point`."""
    minutes, rest_ms = divmod(time_ms, 60_000)
    return (
        f"{minutes // 60:02d}:{minutes % 60:02d}:{rest_ms // 1000:02d}{point}{rest_ms % 1000:03d}"
    )


def _turn(line: str, confidence: float | None) -> Turn:
    fields = line.split()
    try:
        if len(fields) < _N_RTTM_FIELDS or fields[0] != "SPEAKER":
            raise ValueError
        start_ms, length_ms = (round(float(field) * 1000) for field in fields[3:5])
        channel = int(fields[2])
    except (ValueError, OverflowError) as error:
        raise FormatError(f"the answer's RTTM holds {line!r}, expected a SPEAKER line") from error
    return Turn(start_ms, start_ms + length_ms, fields[7], confidence, channel)
