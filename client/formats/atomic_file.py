"""Write files atomically: a file appears whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path


class OutputError(OSError):
    """A result cannot be written; the message is one sentence."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write to a temporary file in the same folder, then rename it to `path`; text as UTF-8.

    Raises
    ------
    OutputError
        If it cannot be written; an earlier file of that name is unchanged.
    """
    temporary = temporary_path(path.parent)
    try:
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            # Otherwise a power cut may leave the new name without its content.
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):  # usually it is renamed by now
            temporary.unlink()


def temporary_path(directory: Path) -> Path:
    """Make up the name of a new file in `directory`."""
    # rttm* must not match it, and its length must not grow with the recording's id.
    return directory / f".part-{uuid.uuid4().hex}"
