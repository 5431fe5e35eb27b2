r"""Fetch one set of VoxConverse, recordings and references, and lay it out for the client.

    python scripts/setup/prepare_voxconverse.py dev
    python client/client.py --wavscp=data/voxconverse/dev/wav.scp \
        --output_directory=output/voxconverse-dev --reference=data/voxconverse/dev/ref.rttm

The recordings come from the authors' page, the references, version 0.3, from their repository
(joonson/voxconverse, commit 24bf60be); both may come from a mirror or a local archive instead.
Interrupted downloads resume. The archives have no pinned checksum: it is recorded on first use.

It writes voxconverse/<set>/ below --data_dir: audio/<id>.wav (16 kHz mono), rttm/<id>.rttm, wav.scp
and ref.rttm (all references joined) for the client, and SHA256SUMS, which later runs check.
voxconverse-master/<set>, where WeSpeaker's README looks for the references, links to rttm/.

VoxConverse is CC BY 4.0, for research; the copyright stays with the owners of the videos.

Exit status: 0 the set is in place, 1 something failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import fcntl
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import soundfile
from tqdm import tqdm

from formats.atomic_file import write_atomically
from formats.rttm import is_turn, read_rttm
from setup.downloading import download, require_space
from setup.fetching import (
    PROJECT,
    SetupError,
    check_recorded,
    exit_code,
    has_sha256,
    make_folder,
    record_first_use,
    record_path,
    report,
    sha256_of,
)

AUDIO_URL = "https://www.robots.ox.ac.uk/~vgg/data/voxconverse/data/voxconverse_{name}_wav.zip"
# The repository has no tags; its README calls the content of this commit version 0.3.
RTTM_VERSION = "0.3"
RTTM_COMMIT = "24bf60be297701cd7e4ef18550c6d390c1b87365"
RTTM_URL = f"https://github.com/joonson/voxconverse/archive/{RTTM_COMMIT}.zip"

RATE_HZ = 16_000
RECORDING_ID = re.compile(r"[A-Za-z0-9_-]+")
SUMS, SCP, REFERENCE = "SHA256SUMS", "wav.scp", "ref.rttm"
# Errors of zipfile for damaged, encrypted or unknown archives; ValueErrors of the checks.
BAD_CONTENT = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

Members = Mapping[str, zipfile.ZipInfo]  # by recording id


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("set", nargs="?", choices=("dev", "test"), default="dev", help="default: %(default)s")
    add(
        "--data_dir",
        type=Path,
        default=PROJECT / "data",
        metavar="DIR",
        help="parent of voxconverse/ (default: the project's data)",
    )
    default_audio = AUDIO_URL.format(name="<set>")
    add("--audio_url", metavar="URL|PATH", help=f"zip of the recordings (default: {default_audio})")
    add(
        "--rttm_url",
        metavar="URL|PATH",
        default=RTTM_URL,
        help="zip of the references, <set>/<id>.rttm in any folder (default: %(default)s)",
    )
    add(
        "--keep-archives",
        "--keep_archives",
        action="store_true",
        help="keep the downloaded archives in voxconverse/",
    )
    return parser


def prepare(options: argparse.Namespace) -> None:
    """Put one set in place."""
    folder: Path = options.data_dir / "voxconverse"
    target = folder / options.set
    with locked(folder):
        if not is_complete(target):
            fetch_and_unpack(options, folder, target)
        names = (target / SUMS).read_text(encoding="utf-8").split()[1::2]
        recording_ids = sorted(Path(name).stem for name in names if name.startswith("audio/"))
        write_lists(target, recording_ids)
        link_as_upstream(target)
        seconds = sum(audio_seconds(target / "audio" / f"{name}.wav") for name in recording_ids)
    report(target, f"{len(recording_ids)} recordings, {seconds / 3600:.2f} hours")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder if it is missing, and keep other runs out of it."""
    make_folder(folder)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(f"another run is working in {folder}; wait for it") from error
        yield


def is_complete(target: Path) -> bool:
    """Whether every file that an earlier run unpacked is there and unchanged."""
    if not (target / SUMS).is_file():
        return False
    lines = (target / SUMS).read_text(encoding="utf-8").splitlines()
    for line in tqdm(lines, desc="checking", unit="file", disable=None):
        digest, _, name = line.partition("  ")
        if not has_sha256(target / name, (digest,)):
            report(target / name, "missing or changed")
            return False
    return True


def fetch_and_unpack(options: argparse.Namespace, folder: Path, target: Path) -> None:
    """Get both archives, unpack them, record their checksums, and remove those in `folder`."""
    for name in (SUMS, SCP, REFERENCE):
        (target / name).unlink(missing_ok=True)
    places = [options.rttm_url, options.audio_url or AUDIO_URL.format(name=options.set)]
    rttm, audio = (get_archive(place, folder) for place in places)
    unpack_set(options.set, target, audio, rttm)
    for archive in (rttm, audio):
        record_first_use(archive, record_path(folder / archive.name))
        if not options.keep_archives and archive.parent == folder:
            archive.unlink()


def get_archive(place: str, folder: Path) -> Path:
    """Return the archive at a path or URL; a download in `folder` is reused."""
    url = urlsplit(place)
    is_url = url.scheme in ("http", "https")
    archive = folder / PurePosixPath(url.path).name if is_url else Path(place)
    if archive == folder:
        raise SetupError(f"{place} has no file name, expected the URL of a zip archive")
    if archive.is_file():
        report(archive, f"in place, {archive.stat().st_size} bytes")
    elif is_url:
        print(f"downloading {place}", flush=True)
        download(place, archive, check_zip)
        report(archive, f"fetched, {archive.stat().st_size} bytes")
    else:
        raise SetupError(f"file not found: {place}, expected a zip archive or a URL of one")
    check_recorded(archive, record_path(folder / archive.name))
    return archive


def check_zip(path: Path) -> None:
    """Raise `SetupError` if a download is not a complete zip archive but, say, a login page."""
    if not zipfile.is_zipfile(path):
        raise SetupError(f"{path.stem} is not a zip archive; it was not kept")


@contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive, and refuse it if the block finds bad content."""
    try:
        with zipfile.ZipFile(archive) as content:
            yield content
    except BAD_CONTENT as error:
        raise SetupError(f"{archive}: {error}; remove it, or name another one") from error


def unpack_set(name: str, target: Path, audio: Path, rttm: Path) -> None:
    """Unpack and check the recordings and references of one set, then write their checksums."""
    with opened(rttm) as content:
        rttms = members_of(content, ".rttm", name)
        report_version(content.comment.decode("ascii", "replace"))
        unpack(content, rttms, target / "rttm", check_rttm)
    with opened(audio) as content:
        wavs = members_of(content, ".wav")
        if unpaired := sorted(wavs.keys() ^ rttms.keys()):
            raise SetupError(
                f"{audio} and {rttm} are not of the same recordings: {len(unpaired)} are in one "
                f"alone, such as {', '.join(unpaired[:5])}"
            )
        unpack(content, wavs, target / "audio", audio_seconds)
    files = [f"audio/{each}.wav" for each in wavs] + [f"rttm/{each}.rttm" for each in rttms]
    lines = (f"{sha256_of(target / file)}  {file}\n" for file in files)
    write_atomically(target / SUMS, "".join(lines))


def members_of(content: zipfile.ZipFile, suffix: str, folder: str | None = None) -> Members:
    """Return the files with a suffix by recording id, in order; of one folder only if given."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in sorted(content.infolist(), key=lambda each: each.filename):
        path = PurePosixPath(info.filename)
        hidden = path.name.startswith(".") or "__MACOSX" in path.parts
        if info.is_dir() or hidden or path.suffix.lower() != suffix:
            continue
        if folder is not None and path.parent.name != folder:
            continue
        if not RECORDING_ID.fullmatch(path.stem):  # so no path leads out of the target folder
            raise ValueError(f"{info.filename!r} is not named after a recording")
        if path.stem in found:
            raise ValueError(f"two files of recording {path.stem}, expected one")
        found[path.stem] = info
    if not found:
        raise ValueError(f"no *{suffix} file{f' in a folder {folder}' if folder else ''}")
    return found


def unpack(
    content: zipfile.ZipFile, members: Members, folder: Path, check: Callable[[Path], object]
) -> None:
    """Unpack files and check each; `ValueError` if one cannot be unpacked or is refused."""
    make_folder(folder)
    require_space(folder, sum(info.file_size for info in members.values()), "the unpacked archive")
    for name, info in tqdm(members.items(), desc="unpacking", unit="file", disable=None):
        path = folder / (name + PurePosixPath(info.filename).suffix.lower())
        try:
            with content.open(info) as stream, path.open("wb") as out:
                shutil.copyfileobj(stream, out)
            check(path)
        except BAD_CONTENT as error:
            path.unlink(missing_ok=True)
            raise ValueError(f"{info.filename} is refused ({error})") from error


def audio_seconds(path: Path) -> float:
    """Return the length of a recording; `ValueError` if it is not 16 kHz mono audio."""
    try:
        audio = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise ValueError(f"libsndfile cannot read it: {error.error_string}") from error
    if (audio.samplerate, audio.channels) != (RATE_HZ, 1) or not audio.frames:
        raise ValueError(
            f"{audio.frames} samples, {audio.samplerate} Hz, {audio.channels} channel(s), "
            f"expected some at {RATE_HZ} Hz, 1 channel"
        )
    return float(audio.frames) / RATE_HZ


def check_rttm(path: Path) -> None:
    """Raise `ValueError` unless a file is the RTTM of its recording, with at least one turn."""
    lines = read_rttm(path, "reference")
    if list(lines) != [path.stem] or not any(map(is_turn, lines[path.stem])):
        raise ValueError(f"it has lines of {', '.join(lines) or 'no recording'}, expected turns")


def report_version(comment: str) -> None:
    """Print the version of the references if the archive states it, as GitHub's comment does."""
    if comment == RTTM_COMMIT:
        print(f"references: version {RTTM_VERSION}", flush=True)
    elif re.fullmatch(r"[0-9a-f]{40}", comment):
        other = f"references: commit {comment}, not the {RTTM_COMMIT} of version {RTTM_VERSION}"
        print(f"{other}: scores may differ from published ones", flush=True)


def write_lists(target: Path, recording_ids: Sequence[str]) -> None:
    """Write wav.scp with today's absolute paths, and the joined reference."""
    folder = target.absolute()
    lines = (f"{name} {folder}/audio/{name}.wav\n" for name in recording_ids)
    write_atomically(target / SCP, "".join(lines))
    references = (target / "rttm" / f"{name}.rttm" for name in recording_ids)
    joined = b"".join(path.read_bytes().rstrip() + b"\n" for path in references)
    write_atomically(target / REFERENCE, joined)


def link_as_upstream(target: Path) -> None:
    """Link the references from the path in WeSpeaker's README, unless something is there."""
    link = target.parents[1] / "voxconverse-master" / target.name
    if link.exists() or link.is_symlink():
        return
    with suppress(OSError):  # a file system without links: our own paths do not need it
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(Path("..", target.parent.name, target.name, "rttm"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = command_line().parse_args(arguments)
    return exit_code(lambda: prepare(options))


if __name__ == "__main__":
    sys.exit(main())
