"""Files that appear whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path


class OutputError(OSError):
    """An answer cannot be put where it belongs; the message is one sentence."""


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` under another name first, and put it in its place when it is on the disk.

    Raises
    ------
    OutputError
        If it cannot be written; what was there stays.
    """
    temporary = temporary_path(path.parent)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            # Else a power cut may leave the new name without its content.
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):  # mostly it is gone already: it was moved
            temporary.unlink()


def temporary_path(directory: Path) -> Path:
    """Name a new file in `directory`."""
    # Not a name that rttm* matches, and none that grows with the id, which may be as long as
    # file names get.
    return directory / f".part-{uuid.uuid4().hex}"
