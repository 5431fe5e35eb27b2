"""The samples of any recording, as the service hears them: 16 kHz, mono, block by block."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from audio_files import SERVICE_RATE_HZ, AudioError, encoded_bytes
from report_page.resampling import Samples, in_blocks_of, resampled

BLOCK_SAMPLES = 163_840  # 10.24 s; whole frames of FLAC and whole peaks fit into it
FULL_SCALE = 32_768  # of 16-bit samples
_FRAMES_A_READ = 1 << 18


def sound_blocks(path: Path) -> Iterator[Samples]:
    """Yield the recording in blocks of BLOCK_SAMPLES; the last may be shorter.

    Channels are averaged; the samples are finite.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    return in_blocks_of(BLOCK_SAMPLES, _at_service_rate(path))


def _at_service_rate(path: Path) -> Iterator[Samples]:
    try:
        with path.open("rb") as file, _opened(file, path) as sound:
            yield from resampled(_mono(sound, path), sound.samplerate, SERVICE_RATE_HZ)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(file: BinaryIO, path: Path) -> soundfile.SoundFile:
    """Open by descriptor, since the content counts and not the name's ending."""
    try:
        return soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        # What is sent for it is FLAC, decoded block by block; that is small enough to be held.
        return soundfile.SoundFile(io.BytesIO(encoded_bytes(path)))


def _mono(sound: soundfile.SoundFile, path: Path) -> Iterator[Samples]:
    try:
        for block in sound.blocks(blocksize=_FRAMES_A_READ, dtype="float32", always_2d=True):
            yield np.nan_to_num(block.mean(axis=1), posinf=1, neginf=-1)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"cannot read {path}: {error.error_string}") from error
