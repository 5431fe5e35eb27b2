"""Where answers go: a folder of `rttm_<id>` files and their joined `rttm`.

The folder gets a file more per recording for every further format, `<id>.json` and so on.

Files appear whole or not at all, each as soon as its answer is there. `rttm` joins this run's files
in the C locale's order, so upstream's `cat $d/rttm* > $d/rttm` leaves it as it is while no foreign
file lies there (another locale may order the recordings otherwise, which no scorer minds).


Answers on standard output: the text of one format, or a line of JSON for every outcome.

Each recording's text is printed whole, in order of completion; formats/lines.schema.json describes
the lines.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from formats import RTTM
from formats.answer_texts import RTTM_PREFIX, file_name
from formats.atomic_file import OutputError as OutputError
from formats.atomic_file import temporary_path, write_atomically
from scoring.scores import Score

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


FAILURE_SCHEMA = "diarization-failure/1"
SCORES_SCHEMA = "diarization-scores/1"
LINES_FORMAT = "json"


class NoFiles:
    """Keeps nothing."""

    def begin(self) -> None:
        """Do nothing."""

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Do nothing."""

    def drop(self, recording_id: str, reason: str) -> None:
        """Do nothing: what is printed is printed."""

    def finish(self, rttms: Mapping[str, bytes]) -> None:
        """Do nothing."""

    def files_of(self, recording_id: str) -> list[Path]:
        """Return nothing: there are no files."""
        return []

    def foreign_files(self, recording_ids: Iterable[str]) -> list[str]:
        """Return nothing: there are no files."""
        return []


class StandardOutput(NoFiles):
    """One format on standard output."""

    def __init__(self, token: str = RTTM) -> None:
        self._token = token

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Print the text."""
        print_bytes(texts[self._token], recording_id)


class JsonLines:
    """A line of JSON on standard output for every recording as it ends, beside another sink.

    Parameters
    ----------
    files : Sink
        Gets everything first: an answer that cannot be kept is told as a failure.
    """

    def __init__(self, files: Sink) -> None:
        self._files = files
        self.begin, self.finish = files.begin, files.finish
        self.files_of, self.foreign_files = files.files_of, files.foreign_files

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Print the document of an answer."""
        self._files.put(recording_id, texts)
        print_bytes(texts[LINES_FORMAT], recording_id)

    def drop(self, recording_id: str, reason: str) -> None:
        """Print an object that tells the failure."""
        failure = {"schema": FAILURE_SCHEMA, "recording_id": recording_id, "error": reason}
        print_bytes(_line(failure), recording_id)
        self._files.drop(recording_id, reason)


def print_scores_line(scores: Sequence[Score], n_recordings: int) -> None:
    """Print the scores of so many recordings as one line of JSON."""
    rows = [
        {
            "collar_s": score.collar_s,
            "der_percent": score.der,
            "miss_percent": score.miss,
            "false_alarm_percent": score.false_alarm,
            "confusion_percent": score.confusion,
        }
        for score in scores
    ]
    print_bytes(
        _line({"schema": SCORES_SCHEMA, "n_recordings": n_recordings, "scores": rows}), "scores"
    )


def stop_printing() -> None:
    """Where whoever read our output has gone: python must not try to flush the rest at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(document: Mapping[str, object]) -> bytes:
    # A reason may hold the lone surrogates of a file name that is not UTF-8.
    return (json.dumps(document, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def print_bytes(text: bytes, what: str) -> None:
    """Print bytes, not characters: a name need not fit the terminal's encoding.

    Raises
    ------
    OutputError
        If that is not possible; `what` is what was to be printed.
    BrokenPipeError
        If whoever read it has gone.
    """
    if sys.stdout is None:
        raise OutputError(f"cannot write {what}: standard output is closed")
    try:
        with tqdm.external_write_mode(file=sys.stdout):
            sys.stdout.buffer.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise  # nobody reads any more: that ends the run, not this recording
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror}") from error
