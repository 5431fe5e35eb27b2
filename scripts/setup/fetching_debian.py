"""Take one file out of a Debian package without root, and without dpkg where need be.

`apt-get download` is tried first with the system's package lists, then with lists of our own in a
temporary folder (containers are shipped with empty ones), then the package is downloaded by URL.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from setup.fetching import Artifact, FetchError, download, install_bytes, wrong_checksum

APT_TIMEOUT_S = 300.0
AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60
AR_NAME = slice(0, 16)
AR_SIZE = slice(48, 58)

Way = tuple[str, Callable[[], bytes]]


def fetch_from_debian(artifact: Artifact, target: Path) -> str:
    """Install a file that Debian packages, by the first way that gives the pinned content.

    Returns
    -------
    str
        The way that worked, for people.

    Raises
    ------
    FetchError
        One sentence with the reason of every way.
    """
    reasons = []
    with tempfile.TemporaryDirectory(prefix="deb-") as folder:
        for way, read in ways(artifact, Path(folder)):
            try:
                content = pinned(read(), artifact, way)
            except FetchError as error:
                reasons.append(str(error))
                continue
            install_bytes(content, artifact, target, way)
            return way
    raise FetchError(f"cannot get {artifact.file_name} by any way: " + "; ".join(reasons))


def ways(artifact: Artifact, folder: Path) -> Iterator[Way]:
    """Give each way's name and the function that reads the file that way (`FetchError` if not)."""
    on_path = shutil.which(artifact.file_name)
    for path in (*artifact.installed, *([on_path] if on_path else [])):
        yield path, partial(read_installed, Path(path))
    apt = f"apt-get download {artifact.debian_package}"
    yield apt, partial(read_from_apt, artifact, folder / "apt", refresh=False)
    yield f"{apt} (fresh lists)", partial(read_from_apt, artifact, folder / "fresh", refresh=True)
    for number, url in enumerate(artifact.debs):
        yield url, partial(read_from_url, url, artifact, folder / f"{number}.deb")


def pinned(content: bytes, artifact: Artifact, way: str) -> bytes:
    """Return the content if its sha256 is an accepted one, else raise `FetchError`."""
    got = hashlib.sha256(content).hexdigest()
    if got not in artifact.sha256:
        raise FetchError(wrong_checksum(artifact, way, got))
    return content


def read_installed(path: Path) -> bytes:
    """Read a copy that the system already has."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"no {path}") from error


def read_from_url(url: str, artifact: Artifact, deb: Path) -> bytes:
    """Download a package and read the file with the standard library alone."""
    download(url, deb)
    return read_deb_member(deb.read_bytes(), artifact.member, url)


def read_from_apt(artifact: Artifact, folder: Path, *, refresh: bool) -> bytes:
    """Download the package with apt into `folder` and read the file with dpkg."""
    folder.mkdir()
    options = own_lists(folder) if refresh else []
    if os.geteuid() == 0:  # apt's own user may not write in our folder, and apt warns about it
        options += ["-o", "APT::Sandbox::User=root"]
    if refresh:
        run_tool(["apt-get", *options, "update"], folder)
    run_tool(["apt-get", *options, "download", artifact.debian_package], folder)
    debs = list(folder.glob("*.deb"))
    if len(debs) != 1:
        raise FetchError(f"apt-get download {artifact.debian_package} left {len(debs)} packages")
    unpacked = folder / "unpacked"
    run_tool(["dpkg-deb", "-x", str(debs[0]), str(unpacked)], folder)
    return read_installed(unpacked / artifact.member)


def own_lists(folder: Path) -> list[str]:
    """Make folders for apt's lists and cache below `folder`; return the options that name them."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]


def run_tool(command: list[str], folder: Path) -> None:
    """Run a command quietly in `folder`; `FetchError` with the last line it said if it fails."""
    shown = command[0]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=APT_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise FetchError(f"no {command[0]} here") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{shown} took longer than {APT_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FetchError(f"{shown}: {said[-1].removeprefix('E: ')}")


def read_deb_member(deb: bytes, member: str, origin: str) -> bytes:
    """Read one file out of a Debian package.

    A package is an `ar` archive (deb(5)) that holds a tar archive `data.tar.*`.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data_archive(deb))) as tar:
            stream = tar.extractfile(f"./{member}")
            if stream is not None:
                return stream.read()
    except (tarfile.TarError, lzma.LZMAError, EOFError, KeyError, ValueError) as error:
        raise FetchError(f"{origin} is no Debian package with {member} in it") from error
    raise FetchError(f"{origin} holds {member}, but not as a file")


def data_archive(deb: bytes) -> bytes:
    """Return the `data.tar.*` of a package; `ValueError` if there is none."""
    if not deb.startswith(AR_MAGIC):
        raise ValueError("no ar archive")
    start = len(AR_MAGIC)
    while start + AR_HEADER_BYTES <= len(deb):
        header = deb[start : start + AR_HEADER_BYTES]
        start += AR_HEADER_BYTES
        size = int(header[AR_SIZE])
        if header[AR_NAME].startswith(b"data.tar"):
            return deb[start : start + size]
        start += size + size % 2  # members begin at even offsets
    raise ValueError("no data.tar")
