"""The audio of live sessions that are kept: WAV files that grow until their jobs take them over."""

import contextlib
import threading
import wave
from collections.abc import Mapping
from pathlib import Path

from formats.atomic_file import write_atomically
from web.jobs.work_folder import AUDIO, RECORD, WorkFolder

HEADER_BYTES = 44
MAX_BYTES = 2**32 - 1  # of a WAV file: its header counts in 32 bits
_RIFF_SIZE_AT, _DATA_SIZE_AT = 4, 40


class LiveFiles:
    """A folder for each session, as its job will have it; thread-safe.

    Audio is written before the server gets it, at its place in the file. So the gateway that goes
    on after a crash has all that the server has; what it has beyond that the client sends again.
    """

    def __init__(self, folder: WorkFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._sizes = {each.name: 0 for each in folder.live.iterdir()}
        for session in self._sizes:
            with contextlib.suppress(OSError):
                self._sizes[session] = self._path(session, AUDIO).stat().st_size

    @property
    def n_bytes(self) -> int:
        """Size of all files together."""
        with self._lock:
            return sum(self._sizes.values())

    def create(self, session: str, rate_hz: int, record: bytes) -> None:
        """Begin the file of a session, with the record of its job."""
        self._path(session).mkdir()
        with wave.open(str(self._path(session, AUDIO)), "wb") as file:
            file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        write_atomically(self._path(session, RECORD), record)
        with self._lock:
            self._sizes[session] = HEADER_BYTES

    def has(self, session: str, n_samples: int) -> bool:
        """Whether the first samples of a session are here; if some are missing, all are removed."""
        size = self._sizes.get(session)
        if size is not None and size < HEADER_BYTES + 2 * n_samples:
            self.remove(session)
        return session in self._sizes

    def write(self, session: str, position: int, pcm: bytes) -> None:
        """Write samples from number `position` on; FileNotFoundError if the session was removed."""
        start = HEADER_BYTES + 2 * position
        with self._lock, self._path(session, AUDIO).open("r+b") as file:
            file.seek(start)
            file.write(pcm)
            self._sizes[session] = max(self._sizes[session], start + len(pcm))

    def record(self, session: str) -> bytes:
        """Read the record of a session's job; FileNotFoundError if the session was removed."""
        return self._path(session, RECORD).read_bytes()

    def hand_over(self, session: str, n_samples: int, files: Mapping[str, bytes]) -> None:
        """End the file after `n_samples`, write the job's other files, and let it have all at once.

        FileNotFoundError or OutputError if the session was removed.
        """
        n_bytes = 2 * n_samples
        with self._lock, self._path(session, AUDIO).open("r+b") as file:
            file.truncate(HEADER_BYTES + n_bytes)
            for place, size in (
                (_RIFF_SIZE_AT, HEADER_BYTES - 8 + n_bytes),
                (_DATA_SIZE_AT, n_bytes),
            ):
                file.seek(place)
                file.write(size.to_bytes(4, "little"))
        for name, content in files.items():
            write_atomically(self._path(session, name), content)
        with self._lock:
            self._path(session).rename(self._folder.path(session))
            del self._sizes[session]

    def remove(self, session: str) -> bool:
        """Remove the files of a session; False if there are none."""
        with self._lock:
            if self._sizes.pop(session, None) is None:
                return False
            self._folder.discard(self._path(session))
        return True

    def remove_older(self, time_s: float) -> None:
        """Remove what has not grown since `time_s`, in seconds since the epoch."""
        for session in list(self._sizes):
            grown_s = 0.0  # an incomplete one
            with contextlib.suppress(OSError):
                grown_s = self._path(session, AUDIO).stat().st_mtime
            if grown_s <= time_s:
                self.remove(session)

    def _path(self, session: str, name: str = "") -> Path:
        return self._folder.live / session / name
