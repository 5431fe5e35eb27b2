"""Recordings of any length, made from a few: no two stretches are alike, no run differs.

Files are joined in order. The first time each is as it is; every later time it is varied in speed
and pitch, level and noise, so that its embeddings are others.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import soxr

from diarization.arrays import SAMPLE_RATE_HZ, Samples
from diarization.audio import decode_blocks
from diarization.errors import InvalidRequestError
from inputs.recordings import AUDIO_ENDINGS
from measure.kit import ROOT

SAMPLE = ROOT / "data" / "sample" / "sample.wav"
SEED = 0
MOST_STRETCH = 0.06  # longer or shorter, and so lower or higher, by this share
MOST_GAIN_DB = 4.0
NOISE_DB = (-70.0, -50.0)  # against full scale
FULL_SCALE = 0.99
BLOCK_S = 600.0


class SourceError(ValueError):
    """There is no audio to make recordings of; the message is one sentence."""


def source_files(folder: Path | None) -> list[Path]:
    """Audio files of a folder by name, or the sample recording.

    Raises
    ------
    SourceError
        If there is none.
    """
    if folder is None:
        if not SAMPLE.is_file():
            raise SourceError(f"{SAMPLE} is missing; run ./scripts/setup.sh")
        return [SAMPLE]
    if not folder.is_dir():
        raise SourceError(f"there is no folder {folder}, expected one with audio files")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_ENDINGS)
    if not files:
        raise SourceError(f"no audio file in {folder}")
    return files


def loaded(path: Path) -> Samples:
    """Samples of a file at 16 kHz, mono.

    Raises
    ------
    SourceError
        If it cannot be read, or holds nothing.
    """
    try:
        blocks = list(decode_blocks(path.read_bytes(), BLOCK_S))
    except (OSError, InvalidRequestError) as error:
        raise SourceError(f"cannot use {path}: {error}") from error
    if not any(len(block) for block in blocks):
        raise SourceError(f"{path} holds no audio")
    return np.concatenate(blocks)


def varied(samples: Samples, seed: Sequence[int]) -> Samples:
    """The same, a little faster or slower, louder or fainter, with faint noise."""
    rng = np.random.default_rng(seed)
    stretch = 1 + rng.uniform(-MOST_STRETCH, MOST_STRETCH)
    stretched = soxr.resample(samples, SAMPLE_RATE_HZ, round(SAMPLE_RATE_HZ * stretch))
    gain = 10 ** (rng.uniform(-MOST_GAIN_DB, MOST_GAIN_DB) / 20)
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
    """Write a recording of exactly `length_s`, 16 bits, piece by piece.

    Parameters
    ----------
    path : Path
        Its suffix, .flac or .wav, tells the format.
    sources : Sequence[Samples]
        What to join, 16 kHz.
    length_s : float
        Length in seconds.
    first : int
        Number of the first piece; recordings of different numbers differ.
    """
    n_left = round(length_s * SAMPLE_RATE_HZ)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, channels=1, subtype="PCM_16") as file:
        for piece in pieces(sources, first):
            file.write(piece[:n_left])
            n_left -= len(piece[:n_left])
            if not n_left:
                return
