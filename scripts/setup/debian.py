"""Take one file out of a Debian package, without root.

Four ways are tried in order: a copy that is installed, `apt-get download` with the system's package
lists, the same with fresh lists in a temporary folder (containers come without lists), and the
package by URL, which is read without dpkg and so works on any Linux.
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

from setup.downloading import download
from setup.fetching import Artifact, SetupError

APT_TIMEOUT_S = 300.0

Way = tuple[str, Callable[[], bytes]]


def fetch_from_debian(artifact: Artifact) -> str:
    """Install a file that Debian packages, by the first way that gives the pinned content.

    Returns
    -------
    str
        The way that worked, for messages.

    Raises
    ------
    SetupError
        One sentence with the reason of every way.
    """
    reasons = []
    with tempfile.TemporaryDirectory(prefix="deb-") as folder:
        for way, read in ways(artifact, Path(folder)):
            try:
                content = read()
                artifact.check_sha256(hashlib.sha256(content).hexdigest(), way)
            except SetupError as error:
                reasons.append(str(error))
                continue
            artifact.install(content, way)
            return way
    raise SetupError(f"cannot get {artifact.file_name} by any way: " + "; ".join(reasons))


def ways(artifact: Artifact, folder: Path) -> Iterator[Way]:
    """Yield the name of each way and the function that reads the file that way."""
    on_path = shutil.which(artifact.file_name)
    for path in (*artifact.installed, *([on_path] if on_path else [])):
        yield path, partial(read_installed, Path(path))
    apt = f"apt-get download {artifact.debian_package}"
    yield apt, partial(read_from_apt, artifact, folder / "apt", refresh=False)
    yield f"{apt} (fresh lists)", partial(read_from_apt, artifact, folder / "fresh", refresh=True)
    for number, url in enumerate(artifact.debs):
        yield url, partial(read_from_url, url, artifact.member, folder / f"{number}.deb")


def read_installed(path: Path) -> bytes:
    """Read a file that the system already has."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"no {path}") from error


def read_from_apt(artifact: Artifact, folder: Path, *, refresh: bool) -> bytes:
    """Download the package with apt into `folder` and unpack the file with dpkg."""
    folder.mkdir()
    options = own_lists(folder) if refresh else []
    if os.geteuid() == 0:  # apt's own user may not write in our folder, and apt warns about it
        options += ["-o", "APT::Sandbox::User=root"]
    if refresh:
        run_tool(["apt-get", *options, "update"], folder)
    run_tool(["apt-get", *options, "download", artifact.debian_package], folder)
    debs = list(folder.glob("*.deb"))
    if len(debs) != 1:
        raise SetupError(f"apt-get download {artifact.debian_package} left {len(debs)} packages")
    unpacked = folder / "unpacked"
    run_tool(["dpkg-deb", "-x", str(debs[0]), str(unpacked)], folder)
    return read_installed(unpacked / artifact.member)


def own_lists(folder: Path) -> list[str]:
    """Make folders for apt's lists and cache below `folder`; return the options that name them."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]


def run_tool(command: list[str], folder: Path) -> None:
    """Run a command in `folder`; `SetupError` with the last line of its errors if it fails."""
    name = command[0]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=APT_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise SetupError(f"{name} not found") from error
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{name} took longer than {APT_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        errors = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise SetupError(f"{name}: {errors[-1].removeprefix('E: ')}")


def read_from_url(url: str, member: str, deb: Path) -> bytes:
    """Download a package and read the file without dpkg."""
    download(url, deb)
    return read_deb_member(deb, member, url)


def read_deb_member(deb: Path, member: str, origin: str) -> bytes:
    """Read one file out of a Debian package: an `ar` archive with a `data.tar.*` inside."""
    import arpy  # fetch.py must start without packages, to say that they are missing

    damaged = (arpy.ArchiveFormatError, tarfile.TarError, lzma.LZMAError, OSError, EOFError)
    try:
        with deb.open("rb") as stream:
            entries = arpy.Archive(fileobj=stream)
            data = next(e.read() for e in entries if e.header.name.startswith(b"data.tar"))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            file = tar.extractfile(f"./{member}")
            if file is not None:
                return file.read()
    except (*damaged, KeyError, StopIteration) as error:
        raise SetupError(f"{origin} is not a Debian package that contains {member}") from error
    raise SetupError(f"{member} in {origin} is not a file")
