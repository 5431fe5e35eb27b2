"""The door of the server: whoever stops it closes it first, and waits for the requests inside."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import StoppingError

VARIABLE = "DIARIZATION_DOOR"  # names a file; the door is closed when it is not empty


@contextmanager
def inside_the_door() -> Iterator[None]:
    """Hold a shared lock of the door's file, which tells that a request is worked on.

    A server that was started without a door, or lost its file, lets everyone in.

    Raises
    ------
    StoppingError
        If the door is closed.
    """
    door = _door()
    if door is None:
        yield
        return
    with door:
        try:
            fcntl.flock(door, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # who closed it has seen the last one leave
            raise StoppingError from None
        if door.read(1):
            raise StoppingError
        yield


def _door() -> BinaryIO | None:
    try:
        return Path(os.environ[VARIABLE]).open("rb")
    except (KeyError, OSError):
        return None
