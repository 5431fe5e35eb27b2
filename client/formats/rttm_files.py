"""Where answers go: a folder of `rttm_<id>` files and their joined `rttm`.

The folder gets a file more per recording for every further format, `<id>.json` and so on.

Files appear whole or not at all, each as soon as its answer is there. `rttm` joins this run's files
in the C locale's order, so upstream's `cat $d/rttm* > $d/rttm` leaves it as it is while no foreign
file lies there (another locale may order the recordings otherwise, which no scorer minds).
"""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from formats import RTTM
from formats.answer_texts import RTTM_PREFIX, file_name
from formats.atomic_file import OutputError as OutputError
from formats.atomic_file import temporary_path, write_atomically

JOINED = "rttm"


class Sink(Protocol):
    """Takes the outcomes of a run."""

    def begin(self) -> None:
        """Get ready for the first answer."""

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Take one answer: its text in every format, by token."""

    def drop(self, recording_id: str, reason: str) -> None:
        """Forget what an earlier run left for a recording that failed in this one, and why."""

    def finish(self, rttms: Mapping[str, bytes]) -> None:
        """Close the run, given the RTTM of all its good recordings by id."""

    def files_of(self, recording_id: str) -> list[Path]:
        """The files that a recording gets."""

    def foreign_files(self, recording_ids: Iterable[str]) -> list[str]:
        """Names of RTTM files there that belong to none of these recordings."""


class RttmFolder:
    """A folder of RTTM files and further ones; every method may raise OutputError.

    Parameters
    ----------
    directory : Path
        Made, with its parents, where it is missing.
    tokens : Sequence[str]
        The formats of every recording's files; RTTM is written in any case.
    make : bool
        False to only look whether it could be made and written to.

    Raises
    ------
    OutputError
        If it cannot be made or written to.
    """

    def __init__(self, directory: Path, tokens: Sequence[str] = (), make: bool = True) -> None:
        self.directory = directory
        self._tokens = [*(token for token in tokens if token != RTTM), RTTM]
        if make:
            self._make()
        else:
            self._look()

    def _make(self) -> None:
        directory = self.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = temporary_path(directory)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise OutputError(
                f"cannot write to output directory {directory}: {error.strerror}"
            ) from error

    def _look(self) -> None:
        there = next(path for path in (self.directory, *self.directory.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise OutputError(f"cannot write to output directory {self.directory}")

    def files_of(self, recording_id: str) -> list[Path]:
        """The files that a recording gets, `rttm_<id>` last."""
        return [self.directory / file_name(token, recording_id) for token in self._tokens]

    def begin(self) -> None:
        """Remove the joined file of an earlier run, so that none outlives an interrupted one."""
        self._remove(JOINED)

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Write `rttm_<id>` and the further files."""
        for token in self._tokens:
            self._write(file_name(token, recording_id), texts[token])

    def drop(self, recording_id: str, reason: str) -> None:
        """Remove `rttm_<id>` and the further files, as many as go."""
        with contextlib.ExitStack() as removals:  # one that fails keeps none of the others
            for token in self._tokens:
                removals.callback(self._remove, file_name(token, recording_id))

    def finish(self, rttms: Mapping[str, bytes]) -> None:
        """Write the joined `rttm`, ordered by the bytes of the ids."""
        self._write(JOINED, b"".join(rttms[name] for name in sorted(rttms, key=str.encode)))

    def foreign_files(self, recording_ids: Iterable[str]) -> list[str]:
        """Names that `rttm*` matches and that belong to none of these recordings, sorted."""
        own = {JOINED, *(RTTM_PREFIX + recording_id for recording_id in recording_ids)}
        return sorted(path.name for path in self.directory.glob("rttm*") if path.name not in own)

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self.directory / name, content)

    def _remove(self, name: str) -> None:
        path = self.directory / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove the earlier {path}: {error.strerror}") from error
