"""The folder of uploads, jobs and results: private, and of one gateway at a time."""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from formats.atomic_file import write_atomically

# The files of a job. The last two are what players and viewers need, made on demand.
RECORD, AUDIO, ANSWER, CORRECTION = "job.json", "audio", "answer.json", "correction.json"
PEAKS, SOUND = "peaks", "sound"
_UPLOADS, _LIVE, _JOBS, _LOCK = "uploads", "live", "jobs", "lock"
_OWNER_ONLY = 0o700
_OTHERS = 0o077


class WorkFolderError(OSError):
    """The folder cannot be used; the message is one sentence."""


class WorkFolder:
    """The files of jobs. All names are ours: nothing that a client sends becomes a path.

    Parameters
    ----------
    folder
        Created if it is missing. Broken-off uploads of an earlier gateway are removed.

    Raises
    ------
    WorkFolderError
        If it cannot be created, others may read it, or another gateway uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound_bytes: dict[str, int] = {}  # read for every piece of every upload
        try:
            folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            _require_private(folder)
            self._lock = _lock(folder / _LOCK)
            shutil.rmtree(folder / _UPLOADS, ignore_errors=True)
            for name in (_UPLOADS, _LIVE, _JOBS):
                (folder / name).mkdir(exist_ok=True)
        except WorkFolderError:
            raise
        except OSError as error:
            raise WorkFolderError(f"cannot use {folder}: {error.strerror or error}") from error

    @property
    def uploads(self) -> Path:
        """The folder of uploads in progress."""
        return self._folder / _UPLOADS

    @property
    def live(self) -> Path:
        """The folder of live sessions that are kept."""
        return self._folder / _LIVE

    def path(self, job_id: str, name: str = "") -> Path:
        """Return the path of a job's file, or of its folder."""
        return self._folder / _JOBS / job_id / name

    def read(self, job_id: str, name: str) -> bytes | None:
        """Read a job's file, None if there is none; empty if it cannot be read."""
        try:
            return self.path(job_id, name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            return b""

    def write(self, job_id: str, name: str, content: bytes) -> None:
        """Write a job's file, all of it or nothing."""
        write_atomically(self.path(job_id, name), content)

    def take(self, job_id: str, upload: Path) -> None:
        """Create a job's folder, and move its upload there."""
        audio = self.path(job_id, AUDIO)
        audio.parent.mkdir()
        upload.rename(audio)

    def remove(self, job_id: str) -> None:
        """Remove all files of a job."""
        self._sound_bytes.pop(job_id, None)
        self.discard(self.path(job_id))

    def discard(self, path: Path) -> None:
        """Remove a folder."""
        # Renamed first, so that nothing can be put there any more.
        gone = self.uploads / path.name
        with contextlib.suppress(FileNotFoundError):
            path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Yield the id and the record of every job; a missing or unreadable record is empty."""
        for job_id in sorted(folder.name for folder in (self._folder / _JOBS).iterdir()):
            with contextlib.suppress(OSError):
                self._sound_bytes[job_id] = self.path(job_id, SOUND).stat().st_size
            yield job_id, self.read(job_id, RECORD) or b""

    def keep_sound(self, job_id: str, made: Path) -> None:
        """Move a finished file for players to its place."""
        n_bytes = made.stat().st_size
        made.replace(self.path(job_id, SOUND))
        self._sound_bytes[job_id] = n_bytes

    def sound_bytes(self, job_id: str) -> int:
        """Return the size of the file for players; 0 if there is none."""
        return self._sound_bytes.get(job_id, 0)

    def close(self) -> None:
        """Let another gateway use the folder."""
        self._lock.close()


def _lock(path: Path) -> BinaryIO:
    """Lock a file; it stays locked until it is closed."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise WorkFolderError(
            f"another gateway uses {path.parent}, name another --work_dir"
        ) from error
    return file


def _require_private(folder: Path) -> None:
    """Refuse the folder of another user, as anyone can create one in /tmp before us."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise WorkFolderError(f"{folder} belongs to somebody else, expected a folder of your own")
    if status.st_mode & _OTHERS:
        raise WorkFolderError(f"others may read {folder}: `chmod 700` it, or name another")
