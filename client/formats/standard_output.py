"""Answers on standard output: the text of one format, or a line of JSON for every outcome.

Each recording's text is printed whole, in order of completion; formats/lines.schema.json describes
the lines.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from formats import RTTM
from formats.rttm_files import OutputError, Sink
from scoring.md_eval import Score

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
