"""The door of a server: `run` takes requests in while it is open, and it tells when all are out.

Triton itself does not wait for work of `run`: it stops the models that `run` calls at once. So
before Triton is stopped the door is closed. It is a file that each request of `run` holds a shared
lock of; it is closed as soon as it is not empty. A process that dies lets go of its locks. The
other side of it is `diarization/drain_lock.py`.
"""

import fcntl
import os
import time
from pathlib import Path

VARIABLE = "DIARIZATION_DOOR"  # of the environment of the server: the file's path
CLOSED_BYTES = 1  # never written, so that a full /dev/shm does not keep the door open
POLL_S = 0.05


class Door:
    """A door that is closed until it is opened.

    Parameters
    ----------
    path
        Of the file; it is there from the first opening to `remove`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Let requests in."""
        self.path.write_bytes(b"")

    def close(self, wait_s: float) -> bool:
        """Let no more requests in, and wait for those inside.

        Parameters
        ----------
        wait_s
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether all are out.
        """
        deadline = time.monotonic() + wait_s
        with self.path.open("wb") as file:
            file.truncate(CLOSED_BYTES)
            while not _all_out(file.fileno()):
                if time.monotonic() > deadline:
                    return False
                time.sleep(POLL_S)
        return True

    def remove(self) -> None:
        """Take the file away."""
        self.path.unlink(missing_ok=True)


def _all_out(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def environment(door: Door) -> dict[str, str]:
    """Environment of a server with this door."""
    return {**os.environ, VARIABLE: str(door.path)}
