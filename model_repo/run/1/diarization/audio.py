"""Encoded audio or float samples -> blocks of 16 kHz mono.

No recording is ever held decoded as a whole.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Samples
from .errors import InvalidAudioError, InvalidInputError

N_AXES = 2  # channels, samples
MOST_CHANNELS = 1024  # libsndfile's limit; more are samples in the wrong axis
LOWEST_RATE_HZ = 1000  # below it is no recording of speech, and resampling would blow it up
DECODED_AT_ONCE = 1 << 22  # samples of all channels together: 16 MiB
EXPECTED_FORMATS = "wav, flac, ogg or mp3"


def decode_blocks(encoded: bytes, block_s: float) -> Iterator[Samples]:
    """Decode, downmix and resample an encoded file block by block.

    Parameters
    ----------
    encoded
        The whole file in a format that libsndfile reads (wav, flac, ogg, mp3, ...), any rate, any
        number of channels.
    block_s
        Length of the blocks to decode at a time, seconds.

    Yields
    ------
    Samples
        Consecutive stretches of audio, mean of the channels; lengths vary.

    Raises
    ------
    InvalidAudioError
        If the bytes are no audio file or hold values that are not finite.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(encoded)) as file:
            _require_rate(file.samplerate)
            n_frames = min(round(block_s * file.samplerate), DECODED_AT_ONCE // file.channels)
            blocks = _read_blocks(file, n_frames)
            yield from _resampled((_mean(block, axis=1) for block in blocks), file.samplerate)
    except soundfile.LibsndfileError as error:
        raise InvalidAudioError(
            f"AUDIO: got {len(encoded)} bytes that cannot be decoded "
            f"({error.error_string.rstrip('.')}), expected a {EXPECTED_FORMATS} file"
        ) from error


def waveform_blocks(waveform: NDArray[Any], block_s: float) -> Iterator[Samples]:
    """Downmix float samples that are at 16 kHz already, block by block.

    Parameters
    ----------
    waveform
        shape=(n_channels, n_samples), float32.
    block_s
        Length of the blocks, seconds.

    Raises
    ------
    InvalidInputError
        If the shape is another one, or there is no channel.
    InvalidAudioError
        If a value is not finite.
    """
    wrong_axes = waveform.ndim != N_AXES or waveform.shape[0] > MOST_CHANNELS
    if wrong_axes or (waveform.shape[0] == 0 and waveform.shape[1] > 0):
        raise InvalidInputError(
            f"input: got shape {list(waveform.shape)}, expected [channels, samples] at 16 kHz"
        )
    step = round(block_s * SAMPLE_RATE_HZ)
    for start in range(0, waveform.shape[1], step):
        yield _mean(waveform[:, start : start + step], axis=0)


def _require_rate(rate_hz: int) -> None:
    if rate_hz < LOWEST_RATE_HZ:
        raise InvalidAudioError(
            f"AUDIO: got a sample rate of {rate_hz} Hz, expected at least {LOWEST_RATE_HZ} Hz"
        )


def _read_blocks(file: soundfile.SoundFile, n_frames: int) -> Iterator[NDArray[np.float32]]:
    while len(block := file.read(n_frames, dtype="float32", always_2d=True)):
        yield block


def _resampled(blocks: Iterator[NDArray[np.float32]], rate_hz: int) -> Iterator[Samples]:
    """Blocks at 16 kHz; the resampler keeps its state, so there are no seams."""
    if rate_hz == SAMPLE_RATE_HZ:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, num_channels=1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _mean(channels: NDArray[Any], axis: int) -> Samples:
    """Mean of the channels, checked to be finite."""
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is refused below, not warned of
        mono: Samples = channels.mean(axis=axis, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise InvalidAudioError("audio: got NaN or infinite samples, expected finite values")
    return mono
