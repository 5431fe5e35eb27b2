"""Recordings of any length, made from a few: no two parts are alike, and every run gets the same.

Files are joined in order. The first time each is used as it is; every later time it is varied in
speed and pitch, level and noise, so that its embeddings differ.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from measure.kit import ROOT
from measure.kit.corpus import audio_files

SAMPLE = ROOT / "data" / "sample" / "sample.wav"
SAMPLE_RATE_HZ = 16_000
SEED = 0
MAX_STRETCH = 0.06  # longer or shorter, and so lower or higher, by this share
MAX_GAIN_DB = 4.0
NOISE_DB = (-70.0, -50.0)  # against full scale
FULL_SCALE = 0.99

Samples = NDArray[np.float32]
"""shape=(n_samples,), mono at 16 kHz."""


class InputError(ValueError):
    """What was given to measure with cannot be used; the message is one sentence."""


def source_files(folder: Path | None) -> list[Path]:
    """Audio files of a folder by name, or the sample recording; InputError if there is none."""
    if folder is None:
        if not SAMPLE.is_file():
            raise InputError(f"{SAMPLE} is missing; run ./scripts/setup.sh")
        return [SAMPLE]
    if not folder.is_dir():
        raise InputError(f"folder not found: {folder}, expected one with audio files")
    files = audio_files(folder)
    if not files:
        raise InputError(f"no audio file in {folder}")
    return files


def load(path: Path) -> Samples:
    """Read a file as mono at 16 kHz; InputError if it cannot be read, or is empty."""
    try:
        channels, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(f"cannot use {path}: {error}") from error
    if not len(channels):
        raise InputError(f"{path} holds no audio")
    samples: Samples = channels.mean(axis=1)
    return samples if rate_hz == SAMPLE_RATE_HZ else soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)


def varied(samples: Samples, seed: Sequence[int]) -> Samples:
    """The same, a little faster or slower, louder or quieter, with faint noise."""
    rng = np.random.default_rng(seed)
    stretch = 1 + rng.uniform(-MAX_STRETCH, MAX_STRETCH)
    stretched = soxr.resample(samples, SAMPLE_RATE_HZ, round(SAMPLE_RATE_HZ * stretch))
    gain = 10 ** (rng.uniform(-MAX_GAIN_DB, MAX_GAIN_DB) / 20)
    noise = 10 ** (rng.uniform(*NOISE_DB) / 20) * rng.standard_normal(len(stretched))
    return np.clip(gain * stretched + noise, -FULL_SCALE, FULL_SCALE).astype(np.float32)


def pieces(sources: Sequence[Samples], first: int = 0) -> Iterator[Samples]:
    """Endless sequence of the sources in order, from number `first` on, each round varied anew."""
    for number in count(first):
        source = sources[number % len(sources)]
        yield source if number < len(sources) else varied(source, (SEED, number))


def write_recording(
    path: Path, sources: Sequence[Samples], length_s: float, first: int = 0
) -> None:
    """Write a recording of exactly `length_s`, 16 bits; the suffix of `path` decides the format.

    `first` is the number of the first piece; recordings of different numbers differ.
    """
    n_left = round(length_s * SAMPLE_RATE_HZ)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, channels=1, subtype="PCM_16") as file:
        for piece in pieces(sources, first):
            file.write(piece[:n_left])
            n_left -= len(piece[:n_left])
            if not n_left:
                return
