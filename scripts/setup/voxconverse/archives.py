"""Zip archives: got once, checked, never trusted with a path of theirs."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from setup.fetching import CHUNK_BYTES, FetchError, atomic_file, report, sha256_of
from setup.first_use import read_record, record_of, write_record
from setup.resuming import download_resuming

RECORDING_ID = re.compile(r"[A-Za-z0-9_-]+")
# What zipfile raises for archives that are damaged, encrypted or packed in an unknown way.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)

Members = Mapping[str, zipfile.ZipInfo]


class ContentError(ValueError):
    """A file is not what it must be; the message says what, got, expected."""


@dataclass(frozen=True)
class Archive:
    """A zip archive that is there.

    Parameters
    ----------
    path
        The file.
    record
        Where its checksum is recorded on first use.
    downloaded
        Whether this run downloaded it: a wrong one is then removed, so that the next run can get
        another.
    """

    path: Path
    record: Path
    downloaded: bool

    def refusal(self, reason: object) -> FetchError:
        """Return the error that says why the archive is refused."""
        if self.downloaded:
            self.path.unlink(missing_ok=True)
            return FetchError(f"{self.path.name}: {reason}; it was removed")
        return FetchError(f"{self.path}: {reason}; remove it, or name another one")

    def refuse_changed(self) -> None:
        """Raise `FetchError` if it is not the archive that was recorded on first use."""
        recorded = read_record(self.record)
        if recorded and (got := sha256_of(self.path)) not in recorded:
            raise self.refusal(
                f"sha256 {got}, expected {recorded[0]} as recorded in {self.record} on first use "
                "(remove that record to accept another archive)"
            )

    def record_checksum(self) -> None:
        """Record its checksum, if none is recorded yet."""
        if not read_record(self.record):
            write_record(self.record, sha256_of(self.path))


def get_archive(place: str, folder: Path) -> Archive:
    """Return an archive: a local one where it lies, else the one in `folder`, else downloaded.

    Parameters
    ----------
    place
        URL or path.
    folder
        Keeps downloads and the records of checksums.

    Raises
    ------
    FetchError
        If it is not to be had, or is not the one recorded on first use.
    """
    remote = urlsplit(place).scheme in ("http", "https")
    path = folder / file_name(place) if remote else Path(place)
    found = path.is_file()
    if not remote and not found:
        raise FetchError(f"no file {place}, expected a zip archive or a URL of one")
    if not found:
        print(f"downloading {place}", flush=True)
        download_resuming(place, path)
    report(path, f"{'in place' if found else 'fetched'}, {path.stat().st_size} bytes")
    archive = Archive(path, record_of(folder / path.name), downloaded=not found)
    archive.refuse_changed()
    return archive


def file_name(url: str) -> str:
    """Return the name under which a URL is kept; `FetchError` if it has none."""
    name = PurePosixPath(urlsplit(url).path).name
    if name in ("", ".."):
        raise FetchError(f"{url} names no file, expected the URL of a zip archive")
    return name


def opened(archive: Archive) -> zipfile.ZipFile:
    """Open an archive; refuse a damaged one, and one whose paths lead out of a folder."""
    try:
        content = zipfile.ZipFile(archive.path)
    except UNREADABLE as error:
        raise archive.refusal(f"no whole zip archive ({error})") from error
    for info in content.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or is_link:
            content.close()
            raise archive.refusal(f"unsafe path {info.filename!r}, expected files inside a folder")
    return content


def members_of(content: zipfile.ZipFile, ending: str, folder: str | None = None) -> Members:
    """Return the files with an ending, by recording id; only those of a folder, if one is named.

    Raises
    ------
    ContentError
        If there is none, or an id is none, or comes twice.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    for info in content.infolist():
        path = PurePosixPath(info.filename)
        hidden = path.name.startswith(".") or "__MACOSX" in path.parts
        if info.is_dir() or hidden or path.suffix.lower() != ending:
            continue
        if folder is not None and path.parent.name != folder:
            continue
        if not RECORDING_ID.fullmatch(path.stem):
            raise ContentError(f"{info.filename!r} is not named after a recording")
        if path.stem in found:
            raise ContentError(f"two files of recording {path.stem}, expected one")
        found[path.stem] = info
    if not found:
        raise ContentError(f"no *{ending} file{f' in a folder {folder}' if folder else ''}")
    return found


def is_unpacked(info: zipfile.ZipInfo, target: Path) -> bool:
    """Tell whether a file lies there as it is in the archive."""
    if not target.is_file() or target.stat().st_size != info.file_size:
        return False
    checksum = 0
    with target.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == info.CRC


def unpack(
    content: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    target: Path,
    check: Callable[[Path, str], object],
) -> None:
    """Unpack one file, whole or not at all; its CRC and `check` decide whether it is right.

    Parameters
    ----------
    content, info
        The archive and the file in it.
    target
        Where it goes; named after its recording.
    check
        Gets the path of the unpacked file and its recording id; raises `ContentError`.

    Raises
    ------
    ContentError
        If the file is not right.
    """
    try:
        with atomic_file(target) as part:
            with content.open(info) as stream, part.open("wb") as out:
                shutil.copyfileobj(stream, out, CHUNK_BYTES)
            check(part, target.stem)
    except UNREADABLE as error:
        raise ContentError(f"{info.filename} cannot be unpacked ({error})") from error
