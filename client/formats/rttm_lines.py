"""RTTM lines of people and of other tools, read strictly: a line that is no RTTM is told."""

import re
from collections.abc import Iterable
from pathlib import Path

from formats.result import Turn, turns_in_rttm

_MIN_FIELDS = 9  # md-eval's own rule
_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")


class RttmError(ValueError):
    """RTTM cannot be used; the message is one sentence."""


def read_rttm(path: Path, role: str) -> dict[str, list[str]]:
    """Read the lines of each recording, their fields separated by one space.

    Parameters
    ----------
    path : Path
        One RTTM file, or a folder of `*.rttm`.
    role : str
        What messages call it: "reference", or "RTTM".

    Raises
    ------
    RttmError
        If nothing can be read there, a line is no RTTM, or two files speak of one recording.
    """
    files = sorted(path.glob("*.rttm")) if path.is_dir() else [path]
    if not files:
        raise RttmError(f"{role} folder {path} holds no *.rttm file")
    lines: dict[str, list[str]] = {}
    origin: dict[str, Path] = {}
    for file in files:
        for recording_id, line in _lines(file, role):
            first = origin.setdefault(recording_id, file)
            if first != file:
                raise RttmError(f"both {first} and {file} hold a {role} of {recording_id!r}")
            lines.setdefault(recording_id, []).append(line)
    return lines


def is_turn(line: str) -> bool:
    """Whether the line tells that somebody speaks, and not something else that RTTM can tell."""
    return line.split(maxsplit=1)[0].upper() == "SPEAKER"


def turns_of(lines: Iterable[str]) -> tuple[Turn, ...]:
    """Take the turns out of one recording's lines, without those of no length, by begin."""
    turns = turns_in_rttm("\n".join(map(_as_the_server_writes, filter(is_turn, lines))))
    return tuple(
        sorted(
            (turn for turn in turns if turn.end_ms > turn.start_ms),
            key=lambda turn: (turn.start_ms, turn.end_ms),
        )
    )


def _as_the_server_writes(line: str) -> str:
    """Other tools may write the type small, and any word for the channel."""
    _, recording_id, channel, *rest = line.split()
    number = channel if channel.isascii() and channel.isdigit() else "1"
    return " ".join(("SPEAKER", recording_id, number, *rest))


def _lines(file: Path, role: str) -> list[tuple[str, str]]:
    """Read (recording id, line) from an RTTM file, blank lines and comments left out."""
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
