"""SQLite files of the client's own: made closed to others, and refused where they are not ours."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voices.voice import VoicesError

BUSY_TIMEOUT_S = 30.0  # another process may be writing


class FileError(VoicesError):
    """A file of ours that cannot be made, read or written, such as on a full disk."""


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Parameters
    ----------
    what : str
        In words, for messages.
    application_id : int
        Marks the file, see SQLite's `PRAGMA application_id`.
    version : int
        Of the schema, in `PRAGMA user_version`.
    schema : str
        One statement that makes its table.
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
        If it may not even be looked at.
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
        If there is no such file, or it is another or a newer one, or cannot be read.
    """
    with _sentences(path, kind):
        if not path.is_file():
            raise VoicesError(f"{path} is no file, expected {kind.what}")
        with contextlib.closing(_connection(path, "ro")) as connection:
            _check(connection, path, kind)
            yield connection


@contextlib.contextmanager
def writing(path: Path, kind: Kind) -> Iterator[sqlite3.Connection]:
    """Open for one transaction, that ends with this context; makes the file where it is missing.

    Others wait for its end, and no error in it leaves anything behind.

    Raises
    ------
    VoicesError
        If the file is another or a newer one, or cannot be made or written.
    """
    with _sentences(path, kind):
        with contextlib.suppress(FileExistsError):
            # Voices are personal data: nobody else may read them, whatever the umask says.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(_connection(path, "rw")) as connection:
            # What is deleted is overwritten, not only marked as free.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            if _is_empty(connection):
                connection.execute(kind.schema)
                connection.execute(f"PRAGMA application_id = {kind.application_id}")
                connection.execute(f"PRAGMA user_version = {kind.version}")
            _check(connection, path, kind)
            yield connection
            connection.execute("COMMIT")  # what raises before is rolled back by closing


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not n_tables and not _pragma(connection, "user_version")


def _check(connection: sqlite3.Connection, path: Path, kind: Kind) -> None:
    if _pragma(connection, "application_id") != kind.application_id:
        raise VoicesError(f"{path} is another program's or another kind of file, {_expected(kind)}")
    version = _pragma(connection, "user_version")
    if version > kind.version:
        raise VoicesError(
            f"{path} has version {version}, expected at most {kind.version}: a newer client made it"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


@contextlib.contextmanager
def _sentences(path: Path, kind: Kind) -> Iterator[None]:
    """Turn what goes wrong with the file into one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise FileError(f"cannot use {path}: {error}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # its messages quote the file
        raise VoicesError(f"{path} cannot be read ({error}), {_expected(kind)}") from error
    except OSError as error:
        raise FileError(f"cannot use {path}: {error.strerror}") from error


def _expected(kind: Kind) -> str:
    return f"expected {kind.what}"
