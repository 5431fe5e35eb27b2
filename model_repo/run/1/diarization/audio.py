"""Encoded audio -> blocks of 16 kHz mono.

No recording is ever held decoded as a whole.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Samples
from .channels import MIX, Selection, listened
from .config import LimitOptions
from .errors import InvalidAudioError
from .limits import DEFAULT_LIMITS, require_plausible_length, require_size
from .wav_header import TO_THE_END, empty_size_place

RATES_HZ = range(1000, 768_001)  # outside is no recording of speech, and resampling would blow up
DECODED_AT_ONCE = 1 << 22  # samples of all channels together: 16 MiB
UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX
EXPECTED_FORMATS = "wav, flac, ogg or mp3"
CHANNEL_AXIS = 1  # of blocks as soundfile reads them
STANDARD_ERROR = 2
NO_SUCH_FILE = 7  # libsndfile's error for an mp3 without a frame that can be read
_one_decoder = Lock()  # of those that would put standard error aside


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
    encoded: bytes,
    block_s: float,
    limits: LimitOptions = DEFAULT_LIMITS,
    selection: Selection = MIX,
) -> Iterator[Samples]:
    """Decode and resample, block by block, what is listened to of an encoded file.

    Parameters
    ----------
    encoded
        The whole file in a format that libsndfile reads (wav, flac, ogg, mp3, ...), any rate, any
        number of channels.
    block_s
        Length of the blocks to decode at a time, seconds.
    limits
        The largest and the longest file that is decoded.
    selection
        The channel; or the mean of all.

    Yields
    ------
    Samples
        Consecutive stretches of audio; lengths vary.

    Raises
    ------
    InvalidAudioError
        If the bytes are no audio file, or hold values that are not finite or huge.
    OverLimitError
        If the file is too large, or too long: as it declares before anything is decoded, or as it
        turns out to be.
    """
    require_size("AUDIO", len(encoded), limits)
    with _opened(encoded) as file:
        _require_rate(file.samplerate)
        n_frames = min(round(block_s * file.samplerate), DECODED_AT_ONCE // file.channels)
        blocks = _read_blocks(file, n_frames, len(encoded), limits, selection.n_passes)
        mono = (listened(block, CHANNEL_AXIS, selection) for block in blocks)
        yield from _resampled(mono, file.samplerate)


def channels_in(encoded: bytes, limits: LimitOptions = DEFAULT_LIMITS) -> int:
    """Number of channels of an encoded file, at least one; errors as of `decode_blocks`."""
    require_size("AUDIO", len(encoded), limits)
    with _opened(encoded) as file:
        return int(file.channels)


@contextmanager
def _opened(encoded: bytes) -> Iterator[ForwardFile]:
    """The file for reading; InvalidAudioError where it, or what follows, cannot be decoded."""
    try:
        with _decoder_silenced():
            file = ForwardFile(_readable(encoded))
        with file:
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        if error.code == NO_SUCH_FILE:
            reason = "No frame that can be read"
        raise InvalidAudioError(
            f"AUDIO: got {len(encoded)} bytes that cannot be decoded ({reason}), "
            f"expected a {EXPECTED_FORMATS} file"
        ) from error


@contextmanager
def _decoder_silenced() -> Iterator[None]:
    """Drop what a decoder writes to standard error, which is the server's log.

    Of an mp3 made for it libmpg123 complains in five times as many bytes as the file has.
    """
    with _one_decoder, Path(os.devnull).open("wb") as nowhere:
        kept = os.dup(STANDARD_ERROR)
        os.dup2(nowhere.fileno(), STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)


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
    file: soundfile.SoundFile, n_frames: int, n_bytes: int, limits: LimitOptions, n_passes: int
) -> Iterator[NDArray[np.float32]]:
    """Blocks of `n_frames`; none that come after more than `n_bytes` or the limits allow."""
    if file.frames != UNKNOWN_LENGTH:
        require_plausible_length(file.frames, file.samplerate, n_bytes, limits, n_passes)
    n_read = 0
    while len(block := _next_block(file, n_frames)):
        n_read += len(block)
        require_plausible_length(n_read, file.samplerate, n_bytes, limits, n_passes)
        yield block


def _next_block(file: soundfile.SoundFile, n_frames: int) -> NDArray[np.float32]:
    with _decoder_silenced():
        return file.read(n_frames, dtype="float32", always_2d=True)


def _resampled(blocks: Iterator[NDArray[np.float32]], rate_hz: int) -> Iterator[Samples]:
    """Blocks at 16 kHz; the resampler keeps its state, so there are no seams."""
    if rate_hz == SAMPLE_RATE_HZ:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, num_channels=1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
