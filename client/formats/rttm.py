"""The one reader and writer of RTTM outside the server.

Files of users and of other tools are read strictly: a line that is not RTTM is an error.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from formats.result import FormatError, Turn, seconds

_MIN_FIELDS = 9  # of ten, the last may be missing: md-eval's own rule
_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")


class RttmError(ValueError):
    """An RTTM file cannot be used; the message is one sentence."""


def read_rttm(path: Path, role: str = "RTTM") -> dict[str, list[str]]:
    """Read the lines of each recording, their fields separated by one space.

    Parameters
    ----------
    path
        One RTTM file, or a folder of `*.rttm`.
    role
        What error messages call it, such as "reference".

    Raises
    ------
    RttmError
        If a file cannot be read, a line is not RTTM, or two files have lines of one recording.
    """
    files = sorted(path.glob("*.rttm")) if path.is_dir() else [path]
    if not files:
        raise RttmError(f"{role} folder {path} holds no *.rttm file")
    lines: dict[str, list[str]] = {}
    origin: dict[str, Path] = {}
    for file in files:
        for recording_id, line in _read_file(file, role):
            first = origin.setdefault(recording_id, file)
            if first != file:
                raise RttmError(f"both {first} and {file} hold a {role} of {recording_id!r}")
            lines.setdefault(recording_id, []).append(line)
    return lines


def is_turn(line: str) -> bool:
    """Whether the line is a turn, not one of RTTM's other types, such as SPKR-INFO."""
    return line.split(maxsplit=1)[0].upper() == "SPEAKER"


def turns_of(lines: Iterable[str]) -> tuple[Turn, ...]:
    """Parse one recording's turns, sorted by time.

    Lines of other types and turns without length are skipped. Unlike in `turns_in_rttm` the type
    may be lower case and the channel any word, as other tools write them.
    """
    turns = turns_in_rttm("\n".join(map(_as_served, filter(is_turn, lines))))
    longer = (turn for turn in turns if turn.end_ms > turn.start_ms)
    return tuple(sorted(longer, key=lambda turn: (turn.start_ms, turn.end_ms)))


def turns_in_rttm(text: str, confidences: Sequence[float] | None = None) -> tuple[Turn, ...]:
    """Parse the turns of one answer of the service.

    Parameters
    ----------
    text
        SPEAKER lines.
    confidences
        One per line, 0 to 1.

    Raises
    ------
    FormatError
        If a line is not a turn, or the numbers of lines and confidences differ.
    """
    lines = text.splitlines()
    values = [None] * len(lines) if confidences is None else list(confidences)
    if len(values) != len(lines):
        raise FormatError(
            f"the answer's CONFIDENCE has {len(values)} values, expected {len(lines)}, one per turn"
        )
    return tuple(_turn(line, value) for line, value in zip(lines, values, strict=True))


def rttm_text(recording_id: str, turns: Iterable[Turn]) -> str:
    """Write turns as RTTM, sorted by time."""
    return "".join(
        f"SPEAKER {recording_id} {turn.channel} {seconds(turn.start_ms)} "
        f"{seconds(turn.end_ms - turn.start_ms)} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        for turn in sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
    )


def _read_file(file: Path, role: str) -> list[tuple[str, str]]:
    """Read (recording id, line) pairs; blank lines and comments are skipped."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RttmError(f"cannot read {role} {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RttmError(f"{role} {file} is not UTF-8 text") from error
    lines = []
    for number, line in enumerate(content.split("\n"), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(("#", ";")):
            continue
        timed = all(map(_SECONDS.fullmatch, fields[3:5]))
        if len(fields) < _MIN_FIELDS or (is_turn(line) and not timed):
            raise RttmError(f"{file} line {number}: expected RTTM, got {line.strip()!r}")
        lines.append((fields[1], " ".join(fields)))
    return lines


def _as_served(line: str) -> str:
    """Write a SPEAKER line of another tool as the service writes it."""
    _, recording_id, channel, *rest = line.split()
    number = channel if channel.isascii() and channel.isdigit() else "1"
    return " ".join(("SPEAKER", recording_id, number, *rest))


def _turn(line: str, confidence: float | None) -> Turn:
    fields = line.split()
    try:
        if len(fields) < _MIN_FIELDS or fields[0] != "SPEAKER":
            raise ValueError
        start_ms, length_ms = (round(float(field) * 1000) for field in fields[3:5])
        channel = int(fields[2])
    except (ValueError, OverflowError) as error:
        raise FormatError(f"the answer's RTTM holds {line!r}, expected a SPEAKER line") from error
    return Turn(start_ms, start_ms + length_ms, fields[7], confidence, channel)
