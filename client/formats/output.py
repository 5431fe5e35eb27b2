"""Where results go: a folder of files, or standard output.

The folder gets `rttm_<id>` for each recording, a file for each further format, and `rttm`, which
joins this run's RTTM in the C locale's order. So upstream's `cat $d/rttm* > $d/rttm` leaves it as
it is, unless there are files of other runs. (Another locale may sort otherwise; scorers do not
mind.) Files are written atomically, each as soon as its answer arrives.

On standard output each recording's text is printed as a whole, in order of completion; with --json
a line for every outcome, as lines.schema.json describes it.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from formats import RTTM
from formats.answer_texts import RTTM_PREFIX, file_name
from formats.atomic_file import OutputError, temporary_path, write_atomically
from scoring.scores import Score

JOINED = "rttm"
FAILURE_SCHEMA = "diarization-failure/1"
SCORES_SCHEMA = "diarization-scores/1"
LINES_FORMAT = "json"


class Sink:
    """Where the outcomes of a run are written; this one writes nothing."""

    def begin(self) -> None:
        """Prepare for the first answer."""

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Write an answer: its text in every format, by token."""

    def drop(self, recording_id: str, reason: str) -> None:
        """Remove what an earlier run wrote for a recording that failed in this one."""

    def finish(self, rttms: Mapping[str, bytes]) -> None:
        """Finish the run, given the RTTM of all its results by recording id."""

    def files_of(self, recording_id: str) -> list[Path]:
        """Return the files of a recording."""
        return []

    def foreign_files(self, recording_ids: Iterable[str]) -> list[str]:
        """Return names of RTTM files that belong to none of these recordings, sorted."""
        return []


class RttmFolder(Sink):
    """A folder of RTTM and further files; every method may raise OutputError.

    Parameters
    ----------
    directory
        Created, with its parents, if missing.
    tokens
        Formats of every recording's files; RTTM is always written.
    make
        False to only check that it can be created and written to.

    Raises
    ------
    OutputError
        If it cannot be created or written to.
    """

    def __init__(self, directory: Path, tokens: Sequence[str] = (), make: bool = True) -> None:
        self.directory = directory
        self._tokens = [*(token for token in tokens if token != RTTM), RTTM]
        if make:
            self._make()
        else:
            self._check()

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

    def _check(self) -> None:
        there = next(path for path in (self.directory, *self.directory.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise OutputError(f"cannot write to output directory {self.directory}")

    def files_of(self, recording_id: str) -> list[Path]:
        """Return the files of a recording, `rttm_<id>` last."""
        return [self.directory / file_name(token, recording_id) for token in self._tokens]

    def begin(self) -> None:
        """Remove the joined file of an earlier run, in case this one is interrupted."""
        self._remove(JOINED)

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Write `rttm_<id>` and the further files."""
        for token in self._tokens:
            self._write(file_name(token, recording_id), texts[token])

    def drop(self, recording_id: str, reason: str) -> None:
        """Remove `rttm_<id>` and the further files, as many as possible."""
        with contextlib.ExitStack() as removals:  # goes through all of them if one fails
            for token in self._tokens:
                removals.callback(self._remove, file_name(token, recording_id))

    def finish(self, rttms: Mapping[str, bytes]) -> None:
        """Write the joined `rttm`, ordered by the bytes of the ids."""
        self._write(JOINED, b"".join(rttms[name] for name in sorted(rttms, key=str.encode)))

    def foreign_files(self, recording_ids: Iterable[str]) -> list[str]:
        """Return names that `rttm*` matches and that belong to none of these recordings, sorted."""
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


class StandardOutput(Sink):
    """One format on standard output."""

    def __init__(self, token: str = RTTM) -> None:
        self._token = token

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Print the text."""
        print_bytes(texts[self._token], recording_id)


class JsonLines(Sink):
    """A line of JSON on standard output for every recording as it ends, beside another sink.

    Parameters
    ----------
    files
        Written first, so that an answer that cannot be written is reported as a failure.
    """

    def __init__(self, files: Sink) -> None:
        self._files = files
        self.begin, self.finish = files.begin, files.finish  # type: ignore[method-assign]
        self.files_of = files.files_of  # type: ignore[method-assign]
        self.foreign_files = files.foreign_files  # type: ignore[method-assign]

    def put(self, recording_id: str, texts: Mapping[str, bytes]) -> None:
        """Print the document of an answer."""
        self._files.put(recording_id, texts)
        print_bytes(texts[LINES_FORMAT], recording_id)

    def drop(self, recording_id: str, reason: str) -> None:
        """Print the failure as an object."""
        failure = {"schema": FAILURE_SCHEMA, "recording_id": recording_id, "error": reason}
        print_bytes(_line(failure), recording_id)
        self._files.drop(recording_id, reason)


def print_scores_line(scores: Sequence[Score], n_recordings: int) -> None:
    """Print scores as one line of JSON."""
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
    """Discard what is left of standard output, whose reader has gone, before python flushes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(document: Mapping[str, object]) -> bytes:
    # A reason may hold the lone surrogates of a file name that is not UTF-8.
    return (json.dumps(document, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def print_bytes(text: bytes, what: str) -> None:
    """Print bytes, not characters: a name may not exist in the terminal's encoding.

    Raises
    ------
    OutputError
        If that fails; the message calls the text `what`.
    BrokenPipeError
        If the reader has gone.
    """
    if sys.stdout is None:
        raise OutputError(f"cannot write {what}: standard output is closed")
    try:
        with tqdm.external_write_mode(file=sys.stdout):
            sys.stdout.buffer.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise  # which ends the run, not only this recording
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror}") from error
