"""Download a URL; a download that was cut or killed is resumed, and never mixed with other bytes.

The bytes so far are in `NAME.part`; `NAME.part.json` records their URL and version. The download
resumes (HTTP Range) if the server still has that version (If-Range), else it starts again.
`NAME` itself appears when it is complete.
"""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

from setup.fetching import DISK_FULL, Artifact, SetupError, atomic_file, make_folder, sha256_of

URL_TIMEOUT_S = 60.0  # without a single byte
CHUNK_BYTES = 1 << 20
MAX_RESUMES = 50  # within one run, each with progress


class CutError(SetupError):
    """The download ended early and may be resumed."""


class PartialFile:
    """The first bytes of a download, with a note of their URL and version."""

    def __init__(self, url: str, target: Path) -> None:
        self.url = url
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")

    def version(self) -> str:
        """Return the version (ETag or date) of the bytes; empty if they cannot be resumed."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            known = note["url"] == self.url and self.path.is_file()
            return str(note["version"]) if known else ""
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def n_bytes(self) -> int:
        """Return the number of bytes after which the download can resume."""
        return self.path.stat().st_size if self.version() else 0

    def restart(self, version: str) -> None:
        """Start with no bytes; the note is written last, so that it never describes older bytes."""
        self.discard()
        self.path.touch()
        with atomic_file(self.note) as part:
            part.write_text(json.dumps({"url": self.url, "version": version}), encoding="utf-8")

    def discard(self) -> None:
        """Remove both files."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def fetch_url(artifact: Artifact, url: str, check: Callable[[Path], object] | None = None) -> None:
    """Download a file from a URL if its checksum (where pinned) and `check` accept it.

    `check` gets the path of the complete download and raises to refuse it.
    """

    def check_all(part: Path) -> None:
        if artifact.sha256:
            artifact.check_sha256(sha256_of(part), url)
        if check is not None:
            check(part)

    download(url, artifact.path, check_all)


def download(url: str, target: Path, check: Callable[[Path], object] | None = None) -> None:
    """Download a URL to `target`, resuming an earlier attempt.

    Parameters
    ----------
    url, target
        What to download, and where to.
    check
        Gets the path of the complete download and raises `SetupError` to refuse it.

    Raises
    ------
    SetupError
        If the URL cannot be read or the disk is full; the bytes so far are kept.
    """
    make_folder(target.parent)
    part = PartialFile(url, target)
    for _ in range(MAX_RESUMES):
        n_before = part.n_bytes()
        try:
            fetch_rest(part)
            break
        except CutError as error:
            if part.n_bytes() <= n_before:
                raise
            print(f"{error}: resuming", flush=True)
    else:
        raise CutError(f"{url} was cut {MAX_RESUMES} times; run it again to resume")
    try:
        if check is not None:
            check(part.path)
    except SetupError:
        part.discard()
        raise
    part.path.replace(target)
    part.discard()


def fetch_rest(part: PartialFile) -> None:
    """Fetch the missing bytes of a partial file, or all of them if it cannot be resumed."""
    n_kept = part.n_bytes()
    headers = {"Range": f"bytes={n_kept}-", "If-Range": part.version()} if n_kept else {}
    try:
        request = urllib.request.Request(part.url, headers=headers)
        with urllib.request.urlopen(request, timeout=URL_TIMEOUT_S) as answer:
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                part.restart(version_of(answer))
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {n_kept}-"):
                part.discard()
                raise ValueError(f"the server did not send bytes {n_kept}-; run it again")
            append(answer, part.path)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not n_kept:
            raise SetupError(f"cannot download {part.url}: {error.code} {error.reason}") from error
        part.discard()
        fetch_rest(part)
    except (http.client.HTTPException, OSError, ValueError) as error:
        if isinstance(error, OSError) and (error.filename or error.errno in DISK_FULL):
            raise SetupError(f"cannot write {part.path}: {error.strerror}") from error
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise CutError(f"cannot download {part.url}: {reason}") from error


def version_of(answer: http.client.HTTPResponse) -> str:
    """Return the version of a whole answer; a weak ETag does not promise the same bytes."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")


def append(answer: http.client.HTTPResponse, path: Path) -> None:
    """Append an answer to a file, with a progress bar on a terminal."""
    from tqdm import tqdm  # fetch.py must start without packages, to say that they are missing

    n_kept = path.stat().st_size
    announced = answer.headers.get("Content-Length")
    total = None if announced is None else n_kept + int(announced)
    require_space(path.parent, (total or n_kept) - n_kept, "the rest of the download")
    bar = tqdm(initial=n_kept, total=total, unit="B", unit_scale=True, disable=None)
    with bar, path.open("ab") as out:
        while chunk := answer.read1(CHUNK_BYTES):  # as it arrives, so that a cut loses nothing
            bar.update(out.write(chunk))
    n_bytes = path.stat().st_size
    if total is not None and n_bytes != total:
        raise ValueError(f"it ended after {n_bytes} bytes, expected {total}")


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Raise `SetupError` if a folder's disk has not that many bytes free."""
    n_free = shutil.disk_usage(folder).free
    if n_bytes > n_free:
        raise SetupError(
            f"not enough space in {folder}: {n_free / 1e9:.1f} GB are free, "
            f"{what} needs {n_bytes / 1e9:.1f} GB"
        )
