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
from .config import LimitOptions
from .errors import InvalidAudioError, InvalidInputError
from .limits import require_length, require_plausible_length, require_size
from .wav_header import TO_THE_END, empty_size_place

N_AXES = 2  # channels, samples
MOST_CHANNELS = 1024  # libsndfile's limit; more are samples in the wrong axis
RATES_HZ = range(1000, 768_001)  # outside is no recording of speech, and resampling would blow up
DECODED_AT_ONCE = 1 << 22  # samples of all channels together: 16 MiB
UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX
LARGEST_MAGNITUDE = 2.0**31  # of 32-bit integers that nobody scaled; squares stay finite
EXPECTED_FORMATS = "wav, flac, ogg or mp3"
DEFAULT_LIMITS = LimitOptions()


class Content(io.BytesIO):
    """Bytes of a file; a damaged one may send its decoder to before their start: that is the start.

    An error would not reach the decoder, only the server's log, a page for every seek.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there, or to the start."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return super().seek(0)


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is read from its start to its end and nowhere else.

    FLAC files of unknown length, as pipes leave them, cannot be sought in.
    """

    def seekable(self) -> bool:
        """Say no, so that reading does not seek."""
        return False


def decode_blocks(
    encoded: bytes, block_s: float, limits: LimitOptions = DEFAULT_LIMITS
) -> Iterator[Samples]:
    """Decode, downmix and resample an encoded file block by block.

    Parameters
    ----------
    encoded
        The whole file in a format that libsndfile reads (wav, flac, ogg, mp3, ...), any rate, any
        number of channels.
    block_s
        Length of the blocks to decode at a time, seconds.
    limits
        The largest and the longest file that is decoded.

    Yields
    ------
    Samples
        Consecutive stretches of audio, mean of the channels; lengths vary.

    Raises
    ------
    InvalidAudioError
        If the bytes are no audio file, or hold values that are not finite or huge.
    OverLimitError
        If the file is too large, or too long: as it declares before anything is decoded, or as it
        turns out to be.
    """
    require_size("AUDIO", len(encoded), limits)
    try:
        with ForwardFile(_readable(encoded)) as file:
            _require_rate(file.samplerate)
            n_frames = min(round(block_s * file.samplerate), DECODED_AT_ONCE // file.channels)
            blocks = _read_blocks(file, n_frames, len(encoded), limits)
            yield from _resampled((_mean(block, axis=1) for block in blocks), file.samplerate)
    except soundfile.LibsndfileError as error:
        raise InvalidAudioError(
            f"AUDIO: got {len(encoded)} bytes that cannot be decoded "
            f"({error.error_string.rstrip('.')}), expected a {EXPECTED_FORMATS} file"
        ) from error


def waveform_blocks(
    waveform: NDArray[Any], block_s: float, limits: LimitOptions = DEFAULT_LIMITS
) -> Iterator[Samples]:
    """Downmix float samples that are at 16 kHz already, block by block.

    Parameters
    ----------
    waveform
        shape=(n_channels, n_samples), float32.
    block_s
        Length of the blocks, seconds.
    limits
        The largest and the longest recording that is taken.

    Raises
    ------
    InvalidInputError
        If the shape is another one, or there is no channel.
    InvalidAudioError
        If a value is not finite, or huge.
    OverLimitError
        If it is too large or too long.
    """
    wrong_axes = waveform.ndim != N_AXES or waveform.shape[0] > MOST_CHANNELS
    if wrong_axes or (waveform.shape[0] == 0 and waveform.shape[1] > 0):
        raise InvalidInputError(
            f"input: got shape {list(waveform.shape)}, expected [channels, samples] at 16 kHz"
        )
    require_size("input", waveform.nbytes, limits)
    require_length("input", waveform.shape[1], SAMPLE_RATE_HZ, limits)
    step = round(block_s * SAMPLE_RATE_HZ)
    for start in range(0, waveform.shape[1], step):
        yield _mean(waveform[:, start : start + step], axis=0)


def _readable(encoded: bytes) -> Content:
    """The file for reading; a wav file that calls itself empty and is not is put right."""
    file = Content(encoded)
    place = empty_size_place(encoded)
    if place is not None:
        file.seek(place)
        file.write(TO_THE_END)
        file.seek(0)
    return file


def _require_rate(rate_hz: int) -> None:
    if rate_hz not in RATES_HZ:
        raise InvalidAudioError(
            f"AUDIO: got a sample rate of {rate_hz} Hz, expected {RATES_HZ[0]} to {RATES_HZ[-1]} Hz"
        )


def _read_blocks(
    file: soundfile.SoundFile, n_frames: int, n_bytes: int, limits: LimitOptions
) -> Iterator[NDArray[np.float32]]:
    """Blocks of `n_frames`; none that come after more than `n_bytes` or the limits allow."""
    if file.frames != UNKNOWN_LENGTH:
        require_plausible_length(file.frames, file.samplerate, n_bytes, limits)
    n_read = 0
    while len(block := file.read(n_frames, dtype="float32", always_2d=True)):
        n_read += len(block)
        require_plausible_length(n_read, file.samplerate, n_bytes, limits)
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
    """Mean of the channels, checked to be finite and of a magnitude that can be worked with."""
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is refused below, not warned of
        mono: Samples = channels.mean(axis=axis, dtype=np.float32)
    largest = np.abs(mono).max(initial=0)  # NaN if one of them is
    if not np.isfinite(largest):
        raise InvalidAudioError("audio: got NaN or infinite samples, expected finite values")
    if largest > LARGEST_MAGNITUDE:
        raise InvalidAudioError(
            f"audio: got a sample of magnitude {largest:.3g}, "
            f"expected at most {LARGEST_MAGNITUDE:.3g}, and 1 as full scale"
        )
    return mono
