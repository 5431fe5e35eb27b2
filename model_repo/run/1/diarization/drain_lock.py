"""The drain lock: a server that stops closes it, then waits for the requests in progress."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import StoppingError

VARIABLE = "DIARIZATION_DRAIN_LOCK"  # names a file; not empty: the server is draining


@contextmanager
def hold_drain_lock() -> Iterator[None]:
    """Hold a shared lock on the file while a request is in progress.

    Without the variable or its file, every request is accepted.

    Raises
    ------
    StoppingError
        If the server is draining.
    """
    file = _lock_file()
    if file is None:
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # held exclusively: draining has ended
            raise StoppingError from None
        if file.read(1):
            raise StoppingError
        yield


def _lock_file() -> BinaryIO | None:
    try:
        return Path(os.environ[VARIABLE]).open("rb")
    except (KeyError, OSError):
        return None
