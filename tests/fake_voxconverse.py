"""VoxConverse archives with a few seconds of noise, laid out like the real ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import soundfile

COMMIT = "24bf60be297701cd7e4ef18550c6d390c1b87365"
AUDIO = "voxconverse_dev_wav.zip"
RTTM = f"{COMMIT}.zip"
NAMES = ("abjxc", "afjiv", "ahnss")


def wav(seed: int = 0, rate_hz: int = 16_000, n_channels: int = 1) -> bytes:
    """A quarter of a second of noise."""
    samples = np.random.default_rng(seed).normal(scale=0.1, size=(rate_hz // 4, n_channels))
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def rttm(name: str) -> bytes:
    return f"SPEAKER {name} 1 0.020000 0.200000 <NA> <NA> spk00 <NA> <NA>\n".encode()


def packed(files: Mapping[str, bytes], comment: str = "") -> bytes:
    """A zip archive of files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = comment.encode()
    return file.getvalue()


def audio_files(names=NAMES, folder="audio") -> dict[str, bytes]:
    """Recordings, and a hidden file that macOS adds to archives."""
    hidden = {f"__MACOSX/{folder}/._{names[0]}.wav": b"\0\5\x16\7"}
    return {f"{folder}/{n}.wav": wav(k) for k, n in enumerate(names)} | hidden


def rttm_files(names=NAMES, others=("aepyx",)) -> dict[str, bytes]:
    """The repository of the references: both sets and a README."""
    top = f"voxconverse-{COMMIT}"
    files = {f"{top}/README.md": b"### Version 0.3"}
    files |= {f"{top}/dev/{name}.rttm": rttm(name) for name in names}
    return files | {f"{top}/test/{name}.rttm": rttm(name) for name in others}


def archives() -> dict[str, bytes]:
    """The content of both servers, by path."""
    return {AUDIO: packed(audio_files()), RTTM: packed(rttm_files(), COMMIT)}
