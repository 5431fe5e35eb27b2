"""Standard input, read whole into a file: it may have to be packed, and to be sent again."""

import contextlib
import sys
import tempfile
from pathlib import Path

from inputs import audio_files
from inputs.wav_scp import ListError

_BLOCK_BYTES = 1 << 20


def spooled(until_the_end: contextlib.ExitStack) -> Path:
    """Read standard input into a file that is removed when `until_the_end` closes.

    Raises
    ------
    ListError
        If it is a terminal, is empty, is larger than what can be sent, or finds no room.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ListError(["standard input is a terminal, expected an audio file piped into it"])
    try:
        folder = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="diarization-"))
        path = Path(folder, "standard-input")
        n_bytes = _copied(path)
    except OSError as error:
        raise ListError([f"cannot keep standard input: {error.strerror}"]) from error
    if not n_bytes:
        raise ListError(["standard input is empty, expected an audio file: did its writer fail?"])
    return path


def _copied(path: Path) -> int:
    n_bytes = 0
    with path.open("wb") as file:
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            n_bytes += len(block)
            _refuse_too_large(n_bytes)
            file.write(block)
    return n_bytes


def _refuse_too_large(n_bytes: int) -> None:
    most_bytes = audio_files.MAX_UPLOAD_BYTES
    if n_bytes > most_bytes:
        raise ListError([f"standard input holds more than the {most_bytes} bytes that can be sent"])
