"""The journal of a corpus: a line of JSON for every recording that ended, written once.

A single program appends to it, and every line is on disk before the next. So whatever is killed, a
recording is in it once or not at all; its last line may be cut off, and is dropped at the next
start. Ray Data's own checkpoints are not used: they would count failed recordings as done, and need
a second commit beside the data, where this is one line.
"""

import base64
import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from formats.atomic_file import OutputError

NAME = "recordings.jsonl"

Entry = dict[str, Any]


class Journal:
    """The journal in a folder, opened for one run; as a context manager it is closed at the end.

    Parameters
    ----------
    folder
        Of the output, made if it is missing.
    settings
        Of the request. A journal of other settings is refused.

    Attributes
    ----------
    done
        Ids of the recordings that have a result.

    Raises
    ------
    OutputError
        If it cannot be used.
    """

    def __init__(self, folder: Path, settings: Entry) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as on_error:
                self._file: IO[str] = on_error.enter_context(self.path.open("a", encoding="utf-8"))
                self._lock()
                _drop_half_a_line(self.path)
                entries = read(self.path)
                self.done = {each["recording"] for each in entries if "failure" not in each}
                self._check_settings(settings)
                on_error.pop_all()
        except OutputError:
            raise
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"cannot use {self.path}: {error}") from error
        if not self.path.stat().st_size:
            self._append({"settings": settings})

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"another run writes to {self.path}, expected one") from error

    def _check_settings(self, settings: Entry) -> None:
        if not self.path.stat().st_size:
            return
        with self.path.open(encoding="utf-8") as file:
            before = json.loads(file.readline()).get("settings")
        if before != settings:
            raise OutputError(
                f"{self.path} is of a run with {before}, got {settings}: expected the same "
                "options, or another --output"
            )

    def add(self, entry: Entry) -> None:
        """Append what came of a recording; a second result of it is ignored."""
        if entry["recording"] in self.done:
            return
        if "failure" not in entry:
            self.done.add(entry["recording"])
        self._append(entry)

    def _append(self, entry: Entry) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """Read the entries of all recordings, in the order of their ends; those with a failure too."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            if "recording" in entry:
                yield entry


def packed(embeddings: NDArray[np.float32]) -> list[str]:
    """Write a row of text per embedding, shape=(n, dim): base64 of little-endian float32."""
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in embeddings]


def unpacked(rows: list[str]) -> NDArray[np.float32]:
    """Read what `packed` wrote."""
    return np.array([np.frombuffer(base64.b64decode(row), "<f4") for row in rows], np.float32)


def _drop_half_a_line(path: Path) -> None:
    """Cut off what a killed program left after the last line feed."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        block = 1 << 16
        while end:
            start = max(0, end - block)
            file.seek(start)
            cut = file.read(end - start).rfind(b"\n")
            if cut >= 0:
                file.truncate(start + cut + 1)
                return
            end = start
        file.truncate(0)
