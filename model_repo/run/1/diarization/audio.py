"""Encoded audio -> blocks of 16 kHz mono, within limits.

No recording is ever held decoded as a whole. Wav files whose size fields were never filled in, as
pipes and interrupted recorders leave them, are read to their end: libsndfile takes 0xFFFFFFFF, or
more than there is, for "to the end", but 0 for "nothing". Source: Multimedia Programming Interface
and Data Specifications 1.0 (IBM, Microsoft, 1991).
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
from .channels import MIX, Selection, mono_of
from .errors import InvalidAudioError, OverLimitError
from .options import LimitOptions

DEFAULT_LIMITS = LimitOptions()
BYTES_PER_MB = 1e6
# Digital silence gives 340 samples per byte of FLAC or Opus; a file that declares far more is an
# attempt to waste the server's time.
MOST_SAMPLES_PER_BYTE = 2000
RATES_HZ = range(1000, 768_001)  # outside is no recording of speech, and resampling would blow up
DECODED_AT_ONCE = 1 << 22  # samples of all channels together: 16 MiB
UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX
EXPECTED_FORMATS = "wav, flac, ogg or mp3"
CHANNEL_AXIS = 1  # of blocks as soundfile reads them
STANDARD_ERROR = 2
NO_SUCH_FILE = 7  # libsndfile's error for an mp3 without a frame that can be read
_one_decoder = Lock()  # at a time may redirect standard error
CHUNK_HEADER_BYTES = 8  # four characters, size as uint32
FIRST_CHUNK = 12  # after "RIFF", its size, and "WAVE"
TO_THE_END = b"\xff\xff\xff\xff"


def require_size(tensor: str, n_bytes: int, limits: LimitOptions) -> None:
    """Raise OverLimitError if an input holds more bytes than allowed."""
    most_bytes = round(limits.upload_mb * BYTES_PER_MB)
    if n_bytes > most_bytes:
        raise OverLimitError(f"{tensor}: got {n_bytes} bytes, expected at most {most_bytes}")


def require_length(
    tensor: str, n_samples: int, rate_hz: int, limits: LimitOptions, n_passes: int = 1
) -> None:
    """Raise OverLimitError if this many samples of one channel last longer than allowed.

    Lengths of separate channels, read in `n_passes`, add up.
    """
    if n_samples * n_passes > limits.audio_s * rate_hz:
        channels = f"{n_passes} separate channels of " if n_passes > 1 else ""
        in_all = " in all" if n_passes > 1 else ""
        raise OverLimitError(
            f"{tensor}: got {channels}{n_samples / rate_hz:.1f} s of audio, "
            f"expected at most {limits.audio_s:g} s{in_all}"
        )


def require_plausible_length(
    n_samples: int, rate_hz: int, n_bytes: int, limits: LimitOptions, n_passes: int = 1
) -> None:
    """As `require_length`, for samples decoded from, or declared by, `n_bytes` of an encoded file.

    Raises
    ------
    InvalidAudioError
        If no real encoder packs this many samples into the bytes.
    """
    require_length("AUDIO", n_samples, rate_hz, limits, n_passes)
    if n_samples > MOST_SAMPLES_PER_BYTE * n_bytes:
        raise InvalidAudioError(
            f"AUDIO: got {n_bytes} bytes that stand for {n_samples} samples, "
            f"expected at most {MOST_SAMPLES_PER_BYTE} samples per byte"
        )


class Content(io.BytesIO):
    """Bytes of a file; a seek to before the start, as damaged files cause it, goes to the start.

    An error would not reach the decoder, but write a page to the server's log at every seek.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek to the offset, or to the start if it is before that."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return super().seek(0)


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is read from its start to its end and nowhere else.

    FLAC files of unknown length, as pipes leave them, cannot be sought in.
    """

    def seekable(self) -> bool:
        """Return False, so that reading does not seek."""
        return False


def decode_blocks(
    encoded: bytes,
    block_s: float,
    limits: LimitOptions = DEFAULT_LIMITS,
    selection: Selection = MIX,
) -> Iterator[Samples]:
    """Decode and resample the selected channels of an encoded file, block by block.

    Parameters
    ----------
    encoded
        The whole file in a format that libsndfile reads (wav, flac, ogg, mp3, ...), any rate, any
        number of channels.
    block_s
        Length of the blocks to decode at a time, seconds.
    limits
        The largest and the longest accepted file.
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
        If the file is too large, or too long: by its header, before anything is decoded, or when
        decoding exceeds the limit.
    """
    require_size("AUDIO", len(encoded), limits)
    with _opened(encoded) as file:
        _require_rate(file.samplerate)
        n_frames = min(round(block_s * file.samplerate), DECODED_AT_ONCE // file.channels)
        blocks = _read_blocks(file, n_frames, len(encoded), limits, selection.n_passes)
        mono = (mono_of(block, CHANNEL_AXIS, selection) for block in blocks)
        yield from resampled(mono, file.samplerate)


def channels_in(encoded: bytes, limits: LimitOptions = DEFAULT_LIMITS) -> int:
    """Number of channels of an encoded file, at least one; errors as in `decode_blocks`."""
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

    For a crafted mp3, libmpg123 writes warnings of five times the size of the file.
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
    """The file for reading; a wav file that wrongly declares itself empty is corrected."""
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


def resampled(blocks: Iterator[NDArray[np.float32]], rate_hz: int) -> Iterator[Samples]:
    """Blocks at 16 kHz; the resampler keeps its state, so there are no seams."""
    if rate_hz == SAMPLE_RATE_HZ:
        yield from blocks
        return
    resampler = new_resampler(rate_hz)
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def new_resampler(rate_hz: int) -> soxr.ResampleStream:
    """A resampler to 16 kHz; how its input is cut does not change its output."""
    return soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, num_channels=1, dtype="float32")


def empty_size_place(encoded: bytes) -> int | None:
    """Place of the four bytes that wrongly call the samples of a wav file empty.

    Parameters
    ----------
    encoded
        A file of any kind.

    Returns
    -------
    int or None
        Offset of the size of chunk `data`, where it is 0 although samples follow; None for any
        other file. Bytes that form another chunk that fits the file are not samples.
    """
    for name, start, n_bytes in _chunks(encoded):
        if name == b"data":
            follows = encoded[start : start + CHUNK_HEADER_BYTES]
            samples_follow = bool(follows) and not _fits(follows, len(encoded) - start)
            return start - 4 if n_bytes == 0 and samples_follow else None
    return None


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and stated size of every RIFF chunk of a wav file."""
    if encoded[:4] != b"RIFF" or encoded[8:FIRST_CHUNK] != b"WAVE":
        return
    header = FIRST_CHUNK
    while header + CHUNK_HEADER_BYTES <= len(encoded):
        start = header + CHUNK_HEADER_BYTES
        n_bytes = int.from_bytes(encoded[start - 4 : start], "little")
        yield encoded[header : header + 4], start, n_bytes
        header = start + n_bytes + n_bytes % 2  # chunks start at even offsets


def _fits(header: bytes, n_left: int) -> bool:
    """Whether the bytes are the header of a chunk that ends within the `n_left` bytes left."""
    name, n_bytes = header[:4], int.from_bytes(header[4:], "little")
    printable = name.isascii() and name.decode("ascii").isprintable()
    return len(header) == CHUNK_HEADER_BYTES and printable and n_bytes + len(header) <= n_left
