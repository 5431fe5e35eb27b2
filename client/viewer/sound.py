"""The samples of any recording, as the service hears them: 16 kHz, mono, block by block."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from inputs.audio_files import (
    MAX_AUDIO_S,
    SERVICE_RATE_HZ,
    AudioError,
    Stopped,
    broken_off,
    encoded_bytes,
    never,
)
from viewer.resampling import Samples, in_blocks_of, resampled

BLOCK_SAMPLES = 163_840  # 10.24 s; whole frames of FLAC and whole peaks fit into it
FULL_SCALE = 32_768  # of 16-bit samples
_VALUES_A_READ = 1 << 18  # of all channels
_S_A_READ = 60  # at a rate of a few hertz the same number of samples would be days


def sound_blocks(path: Path, stopped: Stopped = never) -> Iterator[Samples]:
    """Yield the recording in blocks of BLOCK_SAMPLES; the last may be shorter.

    Channels are averaged; the samples are finite.

    Raises
    ------
    AudioError
        If the file cannot be read, or `stopped` says so.
    """
    return in_blocks_of(BLOCK_SAMPLES, _at_service_rate(path, stopped))


def _at_service_rate(path: Path, stopped: Stopped) -> Iterator[Samples]:
    try:
        with path.open("rb") as file, _opened(file, path, stopped) as sound:
            yield from resampled(_mono(sound, path, stopped), sound.samplerate, SERVICE_RATE_HZ)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(file: BinaryIO, path: Path, stopped: Stopped) -> soundfile.SoundFile:
    """Open by descriptor, since the content counts and not the name's ending."""
    try:
        return soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        # What is sent for it is FLAC, decoded block by block; that is small enough to be held.
        return soundfile.SoundFile(io.BytesIO(encoded_bytes(path, stopped=stopped)))


def _mono(sound: soundfile.SoundFile, path: Path, stopped: Stopped) -> Iterator[Samples]:
    n_frames, rate_hz = 0, sound.samplerate
    frames_a_read = max(min(_VALUES_A_READ // sound.channels, _S_A_READ * rate_hz), 1)
    try:
        for block in sound.blocks(blocksize=frames_a_read, dtype="float32", always_2d=True):
            n_frames += len(block)
            if n_frames > MAX_AUDIO_S * rate_hz:
                raise AudioError(f"{path} goes on after {MAX_AUDIO_S:.0f} s, expected no more")
            if stopped():
                raise broken_off(path)
            yield np.nan_to_num(block.mean(axis=1), posinf=1, neginf=-1)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"cannot read {path}: {error.error_string}") from error
