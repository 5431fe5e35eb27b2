"""The file of enrolled voices: a row for each recording of a person."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voices.database import FileError, Kind, is_new, reading, writing
from voices.voice import Origin, Voice, VoicesError, usable_name

VOICES = Kind(
    what="a file of voices made by enroll.py",
    application_id=0x564F4943,  # "VOIC"
    version=1,
    schema="""
CREATE TABLE voices (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    network TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    centroid BLOB NOT NULL,
    file_name TEXT NOT NULL,
    audio_sha256 TEXT NOT NULL,
    speech_s REAL NOT NULL,
    model_name TEXT NOT NULL,
    mode TEXT NOT NULL,
    enrolled_at TEXT NOT NULL,
    UNIQUE (audio_sha256, network, mode)
)""",
)
_LITTLE_ENDIAN = np.dtype("<f4")
_UNIT_WITHIN = 1e-3
_COLUMNS = (
    "name, network, dimension, centroid, file_name, audio_sha256, speech_s, model_name, mode, "
    "enrolled_at"
)
_TYPES = (str, str, str, str, float, str, str, str)  # without dimension and centroid


class VoiceStore:
    """The voices in one file; a method that raises VoicesError leaves the file unchanged."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever enrolled."""
        return is_new(self.path)

    def refuse_unwritable(self) -> None:
        """Raise FileError if the file could not be written, before anything is sent."""
        folder = self.path.absolute().parent  # where SQLite writes its journal
        for place in (folder, self.path) if self.path.exists() else (folder,):
            if not (folder.is_dir() and os.access(place, os.W_OK)):
                raise FileError(f"cannot write {self.path}: {place} is missing or read-only")

    def voices(self) -> list[Voice]:
        """Read all, by name, then in the order of their enrolment."""
        with reading(self.path, VOICES) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM voices ORDER BY name, id").fetchall()
        return [self._voice(row) for row in rows]

    def add(self, voices: Sequence[Voice], replace: bool = False) -> None:
        """Add these voices, all or none; `replace` removes earlier ones of their names.

        A recording that is enrolled already under the same name is replaced; under another name
        it is refused, because a recording belongs to one person.
        """
        with writing(self.path, VOICES) as connection:
            if replace:
                for name in dict.fromkeys(voice.name for voice in voices):
                    connection.execute("DELETE FROM voices WHERE name = ?", (name,))
            for voice in voices:
                self._refuse_other_name(connection, voice)
                _insert(connection, voice)

    def remove(self, name: str) -> int:
        """Remove a name; returns the number of its recordings."""
        with reading(self.path, VOICES):
            pass  # do not create a missing file
        with writing(self.path, VOICES) as connection:
            return connection.execute("DELETE FROM voices WHERE name = ?", (name,)).rowcount

    def _refuse_other_name(self, connection: sqlite3.Connection, voice: Voice) -> None:
        found = connection.execute(
            "SELECT name FROM voices WHERE audio_sha256 = ? AND name <> ?",
            (voice.origin.audio_sha256, voice.name),
        ).fetchone()
        if found:
            raise VoicesError(
                f"{voice.origin.file_name} is enrolled as {found[0]!r} in {self.path}, expected a "
                f"recording of {voice.name!r}: --remove {found[0]} first if it was a mistake"
            )

    def _voice(self, row: Sequence[object]) -> Voice:
        name, network, dimension, blob, *origin = row
        # SQLite keeps values of any type in any column.
        if tuple(map(type, (name, network, *origin))) != _TYPES:
            raise VoicesError(
                f"{self.path} is damaged at the name {name!r}: a value of another type"
            )
        self._refuse_unusable(str(name))
        centroid = _direction(blob)
        if centroid is None or len(centroid) != dimension:
            raise VoicesError(
                f"{self.path} is damaged: a centroid of {name!r} is not a unit vector"
            )
        return Voice(str(name), str(network), centroid, Origin(*origin))  # type: ignore[arg-type]

    def _refuse_unusable(self, name: str) -> None:
        """Refuse a name that would break RTTM: another tool may have written it."""
        try:
            expected = usable_name(name)
        except ValueError as error:
            raise VoicesError(f"{self.path}: {error}") from error
        if name != expected:
            raise VoicesError(f"{self.path} holds the name {name!r}, expected {expected!r}")


def names_in(voices: Iterable[Voice]) -> list[str]:
    """Names, each once, in order."""
    return list(dict.fromkeys(voice.name for voice in voices))


def _direction(blob: object) -> NDArray[np.float32] | None:
    """Read a centroid; None if it is not a unit vector."""
    if not isinstance(blob, bytes) or len(blob) % _LITTLE_ENDIAN.itemsize:
        return None
    centroid = np.frombuffer(blob, _LITTLE_ENDIAN).astype(np.float32)
    # Written so that NaN fails.
    return centroid if abs(np.linalg.norm(centroid) - 1) <= _UNIT_WITHIN else None


def _insert(connection: sqlite3.Connection, voice: Voice) -> None:
    origin = voice.origin
    values = (
        voice.name,
        voice.network,
        len(voice.centroid),
        voice.centroid.astype(_LITTLE_ENDIAN).tobytes(),
        origin.file_name,
        origin.audio_sha256,
        origin.speech_s,
        origin.model_name,
        origin.mode,
        origin.enrolled_at,
    )
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT OR REPLACE INTO voices ({_COLUMNS}) VALUES ({marks})", values)
