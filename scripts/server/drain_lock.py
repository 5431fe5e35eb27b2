"""The drain lock: it refuses new requests, and shows when the last one under way has finished.

Triton itself does not wait for requests of `run`: it stops the models that `run` calls at once. So
requests are drained before Triton is stopped. The lock is a file. Each request of `run` holds a
shared lock on it; `run` refuses requests once the file is not empty. A process that dies releases
its locks. Its counterpart in `run` is `diarization/drain_lock.py`.
"""

import fcntl
import os
import time
from pathlib import Path

VARIABLE = "DIARIZATION_DRAIN_LOCK"  # environment variable of the server: the file's path
REFUSING_BYTES = 1  # a hole, nothing is written: it also works when /dev/shm is full
POLL_S = 0.05
LOCKS = Path("/proc/locks")


class DrainLock:
    """A drain lock, which refuses requests until it is opened.

    Parameters
    ----------
    path
        Of the file, which exists from the first `open` to `remove`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Accept requests."""
        self.path.write_bytes(b"")

    def drain(self, wait_s: float) -> bool:
        """Refuse further requests, and wait for those under way.

        Parameters
        ----------
        wait_s
            Maximum seconds to wait.

        Returns
        -------
        bool
            Whether all have finished.
        """
        deadline = time.monotonic() + wait_s
        with self.path.open("wb") as file:
            file.truncate(REFUSING_BYTES)
            while not _is_free(file.fileno()):
                if time.monotonic() > deadline:
                    return False
                time.sleep(POLL_S)
        return True

    def refuses(self) -> bool:
        """Whether requests are refused."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """Environment of a server with this lock."""
        return {**os.environ, VARIABLE: str(self.path)}

    def holders(self) -> set[int]:
        """Pids of the processes that work on a request; source: proc_locks(5)."""
        try:
            inode = self.path.stat().st_ino
            lines = [line.split() for line in LOCKS.read_text().splitlines()]
        except OSError:
            return set()
        return {
            int(fields[4])
            for fields in lines
            if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}")
        }


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
