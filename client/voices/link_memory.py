"""What --link_speakers needs of every answer until the end of the run, and of the next one.

A file of its own in the output directory: the answers as the service gave them. So a run that is
resumed gives the names that one without interruption gives.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inputs.recordings import Recording
from sending.outcome import SPEAKER_COLUMN, Answer
from voices.database import Kind, is_new, reading, writing
from voices.speakers import speakers_of
from voices.voice import VoicesError

FILE_NAME = ".link.db"
LINKS = Kind(
    what="what --link_speakers remembers",
    application_id=0x564F4C4B,  # "VOLK"
    version=1,
    schema="""
CREATE TABLE answers (
    recording_id TEXT PRIMARY KEY,
    rttm BLOB NOT NULL,
    info TEXT NOT NULL,
    confidences TEXT NOT NULL,
    labels TEXT NOT NULL,
    n_speakers INTEGER NOT NULL,
    embeddings BLOB NOT NULL
)""",
)
_LITTLE_ENDIAN = np.dtype("<f4")
_COLUMNS = "rttm, info, confidences, labels, n_speakers, embeddings"


class LinkMemory:
    """Answers by recording id; every method may raise VoicesError.

    Parameters
    ----------
    directory : Path
        The output directory, which exists.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME

    def keep(self, answer: Answer) -> None:
        """Keep an answer as the service gave it, in place of an earlier one."""
        embeddings = np.empty((0, 0)) if answer.embeddings is None else answer.embeddings
        values = (
            answer.recording.recording_id,
            answer.rttm,
            json.dumps(dict(answer.info)),
            json.dumps(answer.confidences),
            json.dumps(answer.labels),
            len(embeddings),
            embeddings.astype(_LITTLE_ENDIAN).tobytes(),
        )
        with writing(self.path, LINKS) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values
            )

    def drop(self, recording_id: str) -> None:
        """Forget a recording that failed."""
        if not is_new(self.path):
            with writing(self.path, LINKS) as connection:
                connection.execute("DELETE FROM answers WHERE recording_id = ?", (recording_id,))

    def answers(self, recordings: Iterable[Recording]) -> Iterator[Answer]:
        """Read the answers that are there, in the order of the recordings."""
        if is_new(self.path):
            return
        with reading(self.path, LINKS) as connection:
            for recording in recordings:
                row = _row(connection, recording.recording_id)
                if row is not None:
                    yield self._answer(recording, row)

    def _answer(self, recording: Recording, row: tuple[Any, ...]) -> Answer:
        try:
            answer = _answer(recording, row)
            speakers_of(answer)  # which finds what contradicts itself
            return answer
        except (ValueError, TypeError, AttributeError) as error:
            raise VoicesError(
                f"{self.path} is damaged at {recording.recording_id!r} ({error}): run without "
                "--resume, which asks for all again"
            ) from error


def same_turns(one: bytes, other: bytes) -> bool:
    """Whether two RTTMs say the same but for the speakers' names."""
    return _without_names(one) == _without_names(other)


def _without_names(rttm: bytes) -> list[list[bytes]]:
    lines = (line.split() for line in rttm.splitlines())
    return [[*fields[:SPEAKER_COLUMN], *fields[SPEAKER_COLUMN + 1 :]] for fields in lines]


def _row(connection: sqlite3.Connection, recording_id: str) -> tuple[Any, ...] | None:
    query = f"SELECT {_COLUMNS} FROM answers WHERE recording_id = ?"
    row: tuple[Any, ...] | None = connection.execute(query, (recording_id,)).fetchone()
    return row


def _answer(recording: Recording, row: tuple[Any, ...]) -> Answer:
    rttm, info, confidences, labels, n_speakers, blob = row
    embeddings = np.frombuffer(blob, _LITTLE_ENDIAN).astype(np.float32)
    shape = (n_speakers, -1) if n_speakers else (0, 0)
    return Answer(
        recording,
        rttm,
        json.loads(info),
        elapsed_s=0.0,
        confidences=json.loads(confidences),
        labels=json.loads(labels),
        embeddings=embeddings.reshape(shape),
    )
