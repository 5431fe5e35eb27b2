"""Download a large file; what a cut connection or a killed run leaves is continued, never trusted.

The bytes so far lie in `NAME.part`; `NAME.part.json` tells of which URL and version they are. They
are continued (HTTP Range) if the server says that its file is still that version (If-Range); else
the download begins again. `NAME` itself appears when it is complete.
"""

from __future__ import annotations

import errno
import http.client
import json
import shutil
import urllib.request
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

from tqdm import tqdm

from setup.fetching import CHUNK_BYTES, URL_TIMEOUT_S, FetchError, atomic_file

MOST_CONTINUATIONS = 50  # within one run, each with more bytes than the one before


class CutError(FetchError):
    """The download ended early; what is there may be continued."""


@dataclass(frozen=True)
class Origin:
    """What the bytes of a partial file are the beginning of."""

    url: str
    version: str  # an ETag or a date; empty if the server tells none: not to be continued
    n_bytes: int | None  # of the whole, where the server told


class PartialFile:
    """The beginning of `target`, and the note of its origin."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")

    def origin(self) -> Origin | None:
        """Return what the bytes are of, or None if that is not known."""
        try:
            return Origin(**json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def kept_bytes(self, url: str) -> int:
        """Return how many bytes of this URL are there and can be continued."""
        origin = self.origin()
        known = origin is not None and origin.url == url and origin.version
        return self.path.stat().st_size if known and self.path.is_file() else 0

    def begin(self, origin: Origin) -> None:
        """Begin again with nothing; the note comes last, so that it never tells of older bytes."""
        self.discard()
        self.path.touch()
        with atomic_file(self.note) as part:
            part.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def discard(self) -> None:
        """Remove both files."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def download_resuming(url: str, target: Path) -> None:
    """Download a URL to `target`, continuing what an earlier run left.

    Raises
    ------
    FetchError
        If the URL cannot be had or the disk is full; what has come is kept and continued next time.
    """
    part = PartialFile(target)
    for _ in range(MOST_CONTINUATIONS):
        n_before = part.kept_bytes(url)
        try:
            fetch_rest(url, part)
            break
        except CutError as error:
            if part.kept_bytes(url) <= n_before:
                raise
            print(f"{error}: continuing", flush=True)
    else:
        raise CutError(f"{url} was cut {MOST_CONTINUATIONS} times: run it again to continue")
    part.path.replace(target)
    part.discard()


def fetch_rest(url: str, part: PartialFile) -> None:
    """Fetch what is missing of a partial file; all of it where it cannot be continued."""
    n_kept, origin = part.kept_bytes(url), part.origin()
    if n_kept and origin and origin.n_bytes == n_kept:
        return  # killed between the last byte and its new name
    headers = {"Range": f"bytes={n_kept}-", "If-Range": origin.version} if n_kept and origin else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=URL_TIMEOUT_S) as answer:
            if not (n_kept and continues(answer, part)):
                part.begin(origin_of(url, answer))
            append(answer, part)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not n_kept:
            raise FetchError(f"cannot download {url}: {error.code} {error.reason}") from error
        part.discard()
        fetch_rest(url, part)
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise cut(url, part, error) from error


def continues(answer: http.client.HTTPResponse, part: PartialFile) -> bool:
    """Tell whether an answer is the rest that was asked for, and not the whole file."""
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        return False
    origin, n_kept = part.origin(), part.path.stat().st_size
    got = answer.headers.get("Content-Range", "nothing")
    n_whole = origin.n_bytes if origin else None
    wrong_whole = n_whole is not None and not got.endswith((f"/{n_whole}", "/*"))
    if not got.startswith(f"bytes {n_kept}-") or wrong_whole:
        part.discard()
        raise ValueError(f"asked for bytes {n_kept}- of {n_whole}, got {got}; run it again")
    return True


def origin_of(url: str, answer: http.client.HTTPResponse) -> Origin:
    """Read what a whole answer is; weak ETags do not tell that bytes are the same."""
    etag = answer.headers.get("ETag", "")
    version = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
    announced = answer.headers.get("Content-Length")
    return Origin(url, version, None if announced is None else int(announced))


def append(answer: http.client.HTTPResponse, part: PartialFile) -> None:
    """Write an answer behind what is there, showing progress on a terminal."""
    origin, n_there = part.origin(), part.path.stat().st_size
    total = origin.n_bytes if origin else None
    require_space(part.path.parent, (total or 0) - n_there, "the rest of the download")
    bar = tqdm(initial=n_there, total=total, unit="B", unit_scale=True, disable=None)
    with bar, part.path.open("ab") as out:
        while chunk := answer.read1(CHUNK_BYTES):  # what has come, so that a cut loses nothing
            bar.update(out.write(chunk))
    n_bytes = part.path.stat().st_size
    if total is not None and n_bytes != total:
        raise ValueError(f"it ended after {n_bytes} bytes, expected {total}")


def cut(url: str, part: PartialFile, error: Exception) -> FetchError:
    """Say why a download ended early."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return FetchError(f"cannot write {part.path}: {error.strerror}")
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return CutError(f"cannot download {url}: {reason}")


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Raise `FetchError` if there is no room for so many bytes more in a folder."""
    n_free = shutil.disk_usage(folder).free
    if n_bytes > n_free:
        raise FetchError(
            f"not enough space in {folder}: {n_free / 1e9:.1f} GB are free, expected "
            f"{n_bytes / 1e9:.1f} GB for {what}"
        )
