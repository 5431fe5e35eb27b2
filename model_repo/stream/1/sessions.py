"""The live sessions of this server, and their files, with which they outlive its processes.

Each session has a folder of its user's alone: audio and answers of the networks, which only grow,
and its state, which is replaced after every request.
"""

import errno
import os
import pickle
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarization.errors import InvalidParameterError, SessionsFullError, UnknownSessionError
from diarization.live.records import Journal
from diarization.live.session import LiveOptions, Session
from diarization.options import Options

STATE, FRESH = "state", "state.new"  # the state is whole in the first, or else in the second
PORT_VARIABLE = "DIARIZATION_PORT"  # set by serve.sh: servers of one user share no sessions
ABANDONED_S = 86_400.0  # from when another server's sessions are removed; it may not start again
RECORDS = ("audio", "probs", "posteriors", "embeddings")


def default_folder() -> Path:
    """The folder of this server's sessions, in the one of all servers of its user."""
    own = Path(tempfile.gettempdir()) / f"diarization-stream-{os.getuid()}"
    return own / os.environ.get(PORT_VARIABLE, "default")


class FileRecords:
    """Rows in a file; see `diarization.live.records.Records`.

    Parameters
    ----------
    n_rows, row
        Rows that the file holds, what follows is dropped; and an empty array of their type and
        shape, None if there are no rows yet.
    """

    def __init__(self, path: Path, n_rows: int = 0, row: NDArray[Any] | None = None) -> None:
        self.n_rows = n_rows
        self.row = row
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._file.truncate(n_rows * self._row_bytes())

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        if self.row is None:
            self.row = np.empty(rows.shape[1:], rows.dtype)
        self._file.seek(self.n_rows * self._row_bytes())
        if self._file.write(rows.tobytes()) != rows.nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.n_rows += len(rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Rows [first, last)."""
        if self.row is None:
            return np.empty(0, np.float32)
        n_bytes = (last - first) * self._row_bytes()
        data = os.pread(self._file.fileno(), n_bytes, first * self._row_bytes())
        return np.frombuffer(data, self.row.dtype).reshape(-1, *self.row.shape)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _row_bytes(self) -> int:
        return 0 if self.row is None else self.row.nbytes


class Sessions:
    """All sessions, those that an earlier process left behind included.

    Parameters
    ----------
    most
        Number of sessions at once.
    idle_s
        A session without requests for this long is removed.
    network
        Name of the speaker network.
    clock
        Seconds since the epoch, as files have them.
    """

    def __init__(
        self,
        options: Options,
        most: int,
        idle_s: float,
        network: str | None,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._most = most
        self._idle_s = idle_s
        self._network = network
        self._folder = folder or default_folder()
        self._clock = clock
        self._sessions: dict[str, Session] = {}  # those in use by this process
        for each in (self._folder.parent, self._folder):
            _make_private(each)
        for each in self._folder.parent.glob("*/*"):
            if clock() - _used_s(each) > ABANDONED_S:
                shutil.rmtree(each, ignore_errors=True)
        self._used_s = {each.name: _used_s(each) for each in self._folder.iterdir()}

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._used_s)

    def close(self) -> None:
        """Remove the folder if there are no sessions."""
        with suppress(OSError):
            self._folder.rmdir()

    def start(self, name: str, live: LiveOptions) -> Session:
        """Start a session; one that was started alike goes on.

        Raises
        ------
        InvalidParameterError
            If the name is in use by a session that was started with other parameters.
        SessionsFullError
            If there are too many.
        """
        try:
            session = self.get(name)
        except UnknownSessionError:
            self.remove(name)  # what is damaged
            self._make_room()
            folder = self._folder / name
            folder.mkdir(mode=0o700)
            journal = Journal(*(FileRecords(folder / each) for each in RECORDS))
            session = self._sessions[name] = Session(self._options, live, journal, self._network)
            self.save(name)
            return session
        if session.live != live:
            raise InvalidParameterError(
                f"parameter 'session': got {name!r}, which was started with other parameters, "
                "expected the same ones or another session"
            )
        return session

    def get(self, name: str) -> Session:
        """Return a session, of an earlier process too; UnknownSessionError if there is none."""
        if name not in self._sessions:
            self._sessions[name] = self._load(name)
        self._used_s[name] = self._clock()
        return self._sessions[name]

    def save(self, name: str) -> None:
        """Write the state of a session, so that it outlives this process."""
        session = self._sessions[name]
        journal = [getattr(session.journal, each) for each in RECORDS]
        shapes = [(records.n_rows, records.row) for records in journal]
        path, fresh = (self._folder / name / each for each in (STATE, FRESH))
        fresh.write_bytes(pickle.dumps((session, shapes), pickle.HIGHEST_PROTOCOL))
        path.unlink(missing_ok=True)  # ext4 writes a file that replaces another to the disk at once
        fresh.rename(path)
        self._used_s[name] = self._clock()

    def purge(self) -> int:
        """Remove sessions that have been idle for too long; returns how many."""
        now_s = self._clock()
        idle = [name for name, used_s in self._used_s.items() if now_s - used_s > self._idle_s]
        for name in idle:
            self.remove(name)
        return len(idle)

    def remove(self, name: str) -> None:
        """Remove a session and its files."""
        session = self._sessions.pop(name, None)
        self._used_s.pop(name, None)
        if session is not None:
            for each in RECORDS:
                getattr(session.journal, each).close()
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _make_room(self) -> None:
        """Make room for one more; of those that have ended the one idle for longest gives way."""
        if len(self) < self._most:
            return
        over = [name for name in self._used_s if self._is_over(name)]
        if not over:
            raise SessionsFullError(
                f"got a session beside {self._most} others, expected at most {self._most} at "
                "once; try again later"
            )
        self.remove(min(over, key=self._used_s.__getitem__))

    def _is_over(self, name: str) -> bool:
        """Whether a session has its result, or is damaged."""
        try:
            session = self._sessions.get(name) or self._read(name)[0]
        except UnknownSessionError:
            return True
        return session.has_result

    def _load(self, name: str) -> Session:
        session, shapes = self._read(name)
        records = [
            FileRecords(self._folder / name / each, *shape)
            for each, shape in zip(RECORDS, shapes, strict=True)
        ]
        session.resume(Journal(*records))
        return session

    def _read(self, name: str) -> tuple[Session, list[Any]]:
        """Read the state of a session, without journal, and the shapes of its records."""
        path, fresh = (self._folder / name / each for each in (STATE, FRESH))
        try:
            state: tuple[Session, list[Any]] = pickle.loads(
                (path if path.exists() else fresh).read_bytes()
            )
        except (OSError, EOFError, pickle.PickleError, AttributeError, ImportError):
            raise UnknownSessionError(
                f"parameter 'session': got {name!r}, which was never started, has ended or was "
                "idle for too long; expected start=true"
            ) from None  # or its state is damaged, or of another version
        return state


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{folder} is a link or belongs to another user")
    folder.chmod(0o700)


def _used_s(folder: Path) -> float:
    """When a session of another process was last used; now and then it has no state yet."""
    for path in (folder / STATE, folder):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0
