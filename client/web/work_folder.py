"""The folder of uploads, jobs and results: nobody else's, and one gateway's at a time."""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from formats.atomic_file import write_atomically

_UPLOADS, _JOBS, _LOCK = "uploads", "jobs", "lock"
_AUDIO, _PEAKS, _SOUND = "audio", "peaks", "sound"
_RECORD, _ANSWER, _CORRECTION = "job.json", "answer.json", "correction.json"
_OWNER_ONLY = 0o700
_OTHERS = 0o077


class WorkFolderError(OSError):
    """The folder cannot be used; the message is one sentence."""


class WorkFolder:
    """Files of jobs, below names that we made up: nothing that a client says becomes a path.

    Parameters
    ----------
    folder : Path
        Made where it is missing. What uploads that broke off have left there is removed.

    Raises
    ------
    WorkFolderError
        If it cannot be made, others may read it, or another gateway uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound_bytes: dict[str, int] = {}  # asked for while every piece of an upload arrives
        try:
            folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            _refuse_shared(folder)
            self._lock = _locked(folder / _LOCK)
            shutil.rmtree(folder / _UPLOADS, ignore_errors=True)
            for name in (_UPLOADS, _JOBS):
                (folder / name).mkdir(exist_ok=True)
        except WorkFolderError:
            raise
        except OSError as error:
            raise WorkFolderError(f"cannot use {folder}: {error.strerror or error}") from error

    @property
    def uploads(self) -> Path:
        """Where uploads arrive."""
        return self._folder / _UPLOADS

    def audio(self, job_id: str) -> Path:
        """Where a job's upload is."""
        return self._job(job_id) / _AUDIO

    def take(self, job_id: str, upload: Path) -> None:
        """Make a job's folder, and move its upload there."""
        self._job(job_id).mkdir()
        upload.rename(self.audio(job_id))

    def remove(self, job_id: str) -> None:
        """Remove all that a job has."""
        # First out of the way, so that nobody who still works on it can put anything there.
        self._sound_bytes.pop(job_id, None)
        gone = self.uploads / job_id
        with contextlib.suppress(FileNotFoundError):
            self._job(job_id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Read the records of all jobs, by id; empty where there is none that can be read."""
        for folder in sorted((self._folder / _JOBS).iterdir()):
            with contextlib.suppress(OSError):
                self._sound_bytes[folder.name] = (folder / _SOUND).stat().st_size
            yield folder.name, _read(folder / _RECORD)

    def write_record(self, job_id: str, record: bytes) -> None:
        """Keep a job's record."""
        write_atomically(self._job(job_id) / _RECORD, record)

    def write_answer(self, job_id: str, answer: bytes) -> None:
        """Keep what Triton answered."""
        write_atomically(self._job(job_id) / _ANSWER, answer)

    def read_answer(self, job_id: str) -> bytes:
        """Read what Triton answered; empty where it cannot be read."""
        return _read(self._job(job_id) / _ANSWER)

    def write_correction(self, job_id: str, correction: bytes | None) -> None:
        """Keep what a person made of the answer; None forgets it."""
        path = self._job(job_id) / _CORRECTION
        if correction is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, correction)

    def read_correction(self, job_id: str) -> bytes | None:
        """Read what a person made of the answer, or None; empty where it cannot be read."""
        path = self._job(job_id) / _CORRECTION
        return _read(path) if path.exists() else None

    def peaks(self, job_id: str) -> Path:
        """Where the outline of a job's waveform is, once somebody wanted to see it."""
        return self._job(job_id) / _PEAKS

    def sound(self, job_id: str) -> Path:
        """Where a job's recording is as players want it, once somebody wanted to hear it."""
        return self._job(job_id) / _SOUND

    def keep_sound(self, job_id: str, made: Path) -> None:
        """Keep the file that was made for players."""
        n_bytes = made.stat().st_size
        made.replace(self.sound(job_id))
        self._sound_bytes[job_id] = n_bytes

    def sound_bytes(self, job_id: str) -> int:
        """Size of that; 0 where nobody has wanted it."""
        return self._sound_bytes.get(job_id, 0)

    def close(self) -> None:
        """Let another gateway use it."""
        self._lock.close()

    def _job(self, job_id: str) -> Path:
        return self._folder / _JOBS / job_id


def _locked(path: Path) -> BinaryIO:
    """Open a file that no other process has locked; it stays locked until it is closed."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise WorkFolderError(
            f"another gateway uses {path.parent}, name another --work_dir"
        ) from error
    return file


def _refuse_shared(folder: Path) -> None:
    """Refuse a folder of somebody else, as anyone can make one in /tmp before us."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise WorkFolderError(f"{folder} belongs to somebody else, expected a folder of your own")
    if status.st_mode & _OTHERS:
        raise WorkFolderError(f"others may read {folder}: `chmod 700` it, or name another")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
