"""One set, dev or test, as the client wants it.

voxconverse/<set>/audio/<id>.wav   16 kHz mono
voxconverse/<set>/rttm/<id>.rttm   who speaks when in it
voxconverse/<set>/wav.scp          `<id> <absolute path>`, for the client's --wavscp
voxconverse/<set>/ref.rttm         all references joined, for md-eval and --reference
voxconverse/<set>/SHA256SUMS       of audio and rttm: written last, checked by every later run
voxconverse-master/<set>           a link to rttm/, where WeSpeaker's README scores
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

from tqdm import tqdm

from setup.fetching import FetchError, atomic_file, is_right, report, sha256_of
from setup.resuming import require_space
from setup.voxconverse.archives import (
    Archive,
    ContentError,
    Members,
    is_unpacked,
    members_of,
    opened,
    unpack,
)
from setup.voxconverse.contents import audio_seconds, check_rttm
from setup.voxconverse.sources import RTTM_COMMIT, RTTM_VERSION

SUMS = "SHA256SUMS"
MADE_LAST = (SUMS, "wav.scp", "ref.rttm")
MOST_NAMED = 5  # recordings in a message
COMMIT = re.compile(r"[0-9a-f]{40}")
UPSTREAM_FOLDER = "voxconverse-master"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, made where it is missing; `FetchError` if one is there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchError(f"another run is at work in {folder}: wait for its end") from error
        yield


def is_prepared(target: Path) -> bool:
    """Tell whether every file that an earlier run unpacked is there and unchanged."""
    try:
        lines = (target / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    for line in tqdm(lines, desc="checking", unit="file", disable=None):
        digest, _, name = line.partition("  ")
        if not is_right(target / name, (digest,)):
            report(target / name, "missing or changed")
            return False
    return True


def recording_ids(target: Path) -> list[str]:
    """Return the ids of a prepared set, sorted."""
    names = (target / SUMS).read_text(encoding="utf-8").split()[1::2]
    return sorted(Path(name).stem for name in names if name.startswith("audio/"))


def unpack_set(name: str, target: Path, audio: Archive, rttm: Archive) -> None:
    """Unpack one set from its two archives; what lies there unchanged is left alone.

    Raises
    ------
    FetchError
        If an archive is damaged or another one, or there is no space.
    """
    for made in MADE_LAST:
        (target / made).unlink(missing_ok=True)
    with opened(audio) as sounds, opened(rttm) as references:
        with blaming(audio):
            wavs = members_of(sounds, ".wav")
        with blaming(rttm):
            rttms = members_of(references, ".rttm", name)
        refuse_unmatched(wavs, rttms, audio, rttm)
        tell_version(references.comment.decode("ascii", "replace"))
        with blaming(rttm):
            for each, info in rttms.items():
                unpack(references, info, rttm_path(target, each), check_rttm)
        with blaming(audio):
            unpack_audio(sounds, wavs, target)
    write_sums(target, sorted(wavs))


def unpack_audio(sounds: ZipFile, wavs: Members, target: Path) -> None:
    """Unpack all recordings that do not lie there as they are in the archive."""
    missing = [n for n, info in sorted(wavs.items()) if not is_unpacked(info, wav_path(target, n))]
    n_bytes = sum(wavs[name].file_size for name in missing)
    require_space(target, n_bytes, f"{len(missing)} recordings")
    for name in tqdm(missing, desc="unpacking", unit="file", disable=None):
        unpack(sounds, wavs[name], wav_path(target, name), audio_seconds)


def tell_version(comment: str) -> None:
    """Say which references these are, where the archive tells: GitHub's do, in their comment."""
    if comment == RTTM_COMMIT:
        print(f"references: version {RTTM_VERSION}", flush=True)
    elif COMMIT.fullmatch(comment):
        print(
            f"references: commit {comment}, not the {RTTM_COMMIT} of version {RTTM_VERSION}: "
            "scores may differ from published ones",
            flush=True,
        )


@contextmanager
def blaming(archive: Archive) -> Iterator[None]:
    """Turn what is wrong with a content into the refusal of its archive."""
    try:
        yield
    except ContentError as error:
        raise archive.refusal(error) from error


def refuse_unmatched(wavs: Members, rttms: Members, audio: Archive, rttm: Archive) -> None:
    """Raise `FetchError` unless every recording has a reference, and the other way round."""
    for some, others, have, lack, what in (
        (wavs, rttms, audio, rttm, "reference"),
        (rttms, wavs, rttm, audio, "recording"),
    ):
        if unmatched := sorted(some.keys() - others.keys()):
            raise FetchError(
                f"{lack.path} holds no {what} of {named(unmatched)} of {len(some)} in "
                f"{have.path}, expected all: remove the archive of another set or version"
            )


def named(names: Sequence[str]) -> str:
    """Name a few of many."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def wav_path(target: Path, recording_id: str) -> Path:
    """Return where a recording lies."""
    return target / "audio" / f"{recording_id}.wav"


def rttm_path(target: Path, recording_id: str) -> Path:
    """Return where the reference of a recording lies."""
    return target / "rttm" / f"{recording_id}.rttm"


def write_sums(target: Path, names: Sequence[str]) -> None:
    """Write the checksums of all recordings and references, in the form of sha256sum."""
    paths = [path(target, name) for path in (wav_path, rttm_path) for name in names]
    lines = [f"{sha256_of(path)}  {path.relative_to(target)}\n" for path in paths]
    with atomic_file(target / SUMS) as part:
        part.write_text("".join(lines), encoding="utf-8")


def write_lists(target: Path, names: Sequence[str]) -> None:
    """Write wav.scp with the paths of today, and the joined reference."""
    folder = target.absolute()
    with atomic_file(target / "wav.scp") as part:
        lines = (f"{name} {wav_path(folder, name)}\n" for name in names)
        part.write_text("".join(lines), encoding="utf-8")
    with atomic_file(target / "ref.rttm") as part:
        texts = (rttm_path(target, name).read_bytes().rstrip() + b"\n" for name in names)
        part.write_bytes(b"".join(texts))


def link_as_upstream(target: Path) -> None:
    """Make WeSpeaker's path of the references lead here, unless something is there."""
    link = target.parents[1] / UPSTREAM_FOLDER / target.name
    if link.exists() or link.is_symlink():
        return
    with suppress(OSError):  # a file system without links: our own paths do without
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(Path("..", target.parent.name, target.name, "rttm"))
