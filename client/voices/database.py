"""The client's SQLite files: readable by the owner alone, and refused if they are not ours."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voices.voice import VoicesError

BUSY_TIMEOUT_S = 30.0  # another process may be writing


class FileError(VoicesError):
    """One of the client's files cannot be created, read or written, as on a full disk."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    what
        Description for messages.
    application_id
        Marks the file, see SQLite's `PRAGMA application_id`.
    version
        Of the schema, in `PRAGMA user_version`.
    schema
        One statement that creates its table.
    """

    what: str
    application_id: int
    version: int
    schema: str


def is_new(path: Path) -> bool:
    """Whether nothing was ever kept: the file is missing, or its first transaction did not end.

    Raises
    ------
    FileError
        If the file cannot be accessed.
    """
    try:
        return not path.exists() or (path.is_file() and not path.stat().st_size)
    except OSError as error:
        raise FileError(f"cannot use {path}: {error.strerror}") from error


@contextlib.contextmanager
def reading(path: Path, kind: Kind) -> Iterator[sqlite3.Connection]:
    """Open to read.

    Raises
    ------
    VoicesError
        If the file is missing, of another kind or a newer version, or cannot be read.
    """
    with _sentences(path, kind):
        if not path.is_file():
            raise VoicesError(f"{path}: file not found, expected {kind.what}")
        with contextlib.closing(_connection(path, "ro")) as connection:
            _check(connection, path, kind)
            yield connection


@contextlib.contextmanager
def writing(path: Path, kind: Kind) -> Iterator[sqlite3.Connection]:
    """Open for one transaction, which ends with this context; creates a missing file.

    Other processes wait for its end, and after an error nothing of it is kept.

    Raises
    ------
    VoicesError
        If the file is of another kind or a newer version, or cannot be created or written.
    """
    with _sentences(path, kind):
        with contextlib.suppress(FileExistsError):
            # Voices are personal data: no other user may read them, whatever the umask.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(_connection(path, "rw")) as connection:
            # Deleted data is overwritten, not only marked as free.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            if _is_empty(connection):
                connection.execute(kind.schema)
                connection.execute(f"PRAGMA application_id = {kind.application_id}")
                connection.execute(f"PRAGMA user_version = {kind.version}")
            _check(connection, path, kind)
            yield connection
            connection.execute("COMMIT")  # after an error, closing rolls back


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not n_tables and not _pragma(connection, "user_version")


def _check(connection: sqlite3.Connection, path: Path, kind: Kind) -> None:
    if _pragma(connection, "application_id") != kind.application_id:
        raise VoicesError(f"{path} is a file of another kind or program, expected {kind.what}")
    version = _pragma(connection, "user_version")
    if version > kind.version:
        raise VoicesError(
            f"{path} has version {version}, expected at most {kind.version}: from a newer client"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


@contextlib.contextmanager
def _sentences(path: Path, kind: Kind) -> Iterator[None]:
    """Turn errors of the file into one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise FileError(f"cannot use {path}: {error}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise VoicesError(f"{path} cannot be read ({error}), expected {kind.what}") from error
    except OSError as error:
        raise FileError(f"cannot use {path}: {error.strerror}") from error
