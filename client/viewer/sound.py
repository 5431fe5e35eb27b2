"""The sound of a report: any recording as 16 kHz mono FLAC, and the outline of its waveform.

Turns must line up with what is heard, in every browser. Measured in Chromium after seeking in 10
minutes of speech: FLAC and wav start exactly where they should, Opus 0.6 ms off, Vorbis up to
32 ms, MP3 up to 70 ms at a constant rate and more at a variable one. And libsndfile takes 140 s for
an hour of Opus at 16 kHz (one core), as long as the service takes, but 1 s for FLAC.

So it is FLAC, without loss up to five minutes. In longer recordings, every 0.256 s is rounded to as
few bits as leave the noise 30 dB below its level, and FLAC leaves the others out: 20 MB an hour of
clear speech, 33 MB of noisy speech, against 115 MB of wav and 10 MB of Opus.
"""

import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from inputs.audio_files import (
    MAX_AUDIO_S,
    SERVICE_RATE_HZ,
    AudioError,
    Stopped,
    encoded_bytes,
    never,
    stopped_error,
)

Samples = NDArray[np.float32]  # shape=(n_samples,), 1.0 is full scale

MEDIA_TYPE = "audio/flac"
PEAKS_PER_S = 100
BLOCK_SAMPLES = 163_840  # 10.24 s; whole frames of FLAC and whole peaks fit into it
FULL_SCALE = 32_768  # of 16-bit samples
N_LOSSLESS_BLOCKS = 30  # of 10.24 s
FRAME_SAMPLES = 4096  # libsndfile's; FLAC leaves out lower bits that are zero in a whole frame
STEP_SHARE = 0.11  # rounding to steps of it: noise 30 dB below the level, 20 log10(0.11 / sqrt(12))
_SAMPLES_PER_PEAK = SERVICE_RATE_HZ // PEAKS_PER_S
_HIGHEST_PEAK = 255
_VALUES_PER_READ = 1 << 18  # of all channels
_S_PER_READ = 60  # at a rate of a few hertz the same number of samples would be days


@dataclass(frozen=True)
class Outline:
    """What a waveform is drawn from: the audio's length, and a byte per hundredth of a second."""

    audio_ms: int
    peaks: bytes


def load_sound(path: Path) -> tuple[Outline, bytes]:
    """Read a recording once: its outline, and its sound as FLAC."""
    flac = io.BytesIO()
    return encode_sound(flac, path), flac.getvalue()


def encode_sound(file: BinaryIO, path: Path, stopped: Stopped = never) -> Outline:
    """Read a recording once, write its sound as FLAC into `file`, and return its outline.

    Raises
    ------
    AudioError
        If the recording cannot be read, or as soon as `stopped()` is true.
    """
    peaks: list[bytes] = []
    n_samples = 0

    def measured_blocks() -> Iterator[Samples]:
        nonlocal n_samples
        for block in sound_blocks(path, stopped):
            peaks.append(peaks_of(block).tobytes())
            n_samples += len(block)
            yield block

    write_flac(file, measured_blocks())
    return Outline(round(n_samples * 1000 / SERVICE_RATE_HZ), b"".join(peaks))


def sound_blocks(path: Path, stopped: Stopped = never) -> Iterator[Samples]:
    """Yield a recording in blocks of BLOCK_SAMPLES at 16 kHz; the last may be shorter.

    Channels are averaged; the samples are finite.

    Raises
    ------
    AudioError
        If the file cannot be read, or `stopped()` is true.
    """
    return regroup(_service_rate_blocks(path, stopped), BLOCK_SAMPLES)


def _service_rate_blocks(path: Path, stopped: Stopped) -> Iterator[Samples]:
    try:
        with path.open("rb") as file, open_sound(file, path, stopped) as sound:
            yield from resample(
                mono_blocks(sound, path, stopped), sound.samplerate, SERVICE_RATE_HZ
            )
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def open_sound(file: BinaryIO, path: Path, stopped: Stopped) -> soundfile.SoundFile:
    """Open by descriptor, since the content counts and not the name's ending."""
    try:
        return soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        # What is sent to the service is FLAC, decoded block by block; it is small enough to hold.
        return soundfile.SoundFile(io.BytesIO(encoded_bytes(path, stopped=stopped)))


def mono_blocks(sound: soundfile.SoundFile, path: Path, stopped: Stopped) -> Iterator[Samples]:
    """Yield the mean of all channels at the file's own rate; AudioError as in `sound_blocks`."""
    n_frames, rate_hz = 0, sound.samplerate
    frames_per_read = max(min(_VALUES_PER_READ // sound.channels, _S_PER_READ * rate_hz), 1)
    try:
        for block in sound.blocks(blocksize=frames_per_read, dtype="float32", always_2d=True):
            n_frames += len(block)
            if n_frames > MAX_AUDIO_S * rate_hz:
                raise AudioError(
                    f"{path} is longer than {MAX_AUDIO_S:.0f} s, expected no more than that"
                )
            if stopped():
                raise stopped_error(path)
            yield np.nan_to_num(block.mean(axis=1), posinf=1, neginf=-1)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"cannot read {path}: {error.error_string}") from error


def resample(blocks: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    """Yield the samples at another rate, in blocks.

    The length stays, rounded to one sample; frequencies above half the lower rate are lost.
    """
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def regroup(blocks: Iterable[Samples], n: int) -> Iterator[Samples]:
    """Yield the same samples in blocks of `n`; the last may be shorter."""
    held: list[Samples] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        while n_held >= n:
            joined = np.concatenate(held)
            yield joined[:n]
            held, n_held = [joined[n:]], n_held - n
    if n_held:
        yield np.concatenate(held)


def peaks_of(block: Samples) -> NDArray[np.uint8]:
    """Measure the largest magnitude of every hundredth of a second.

    Parameters
    ----------
    block
        At 16 kHz. If more blocks follow, its length is a multiple of 160.

    Returns
    -------
    NDArray[np.uint8]
        shape=(ceil(n_samples / 160),); 255 is full scale and everything beyond it.
    """
    rest = -len(block) % _SAMPLES_PER_PEAK
    magnitudes = np.pad(np.abs(block), (0, rest)).reshape(-1, _SAMPLES_PER_PEAK)
    return np.rint(np.minimum(magnitudes.max(axis=1), 1) * _HIGHEST_PEAK).astype(np.uint8)


def write_flac(file: BinaryIO, blocks: Iterable[Samples]) -> None:
    """Write a recording, given in blocks of 10.24 s, as one FLAC file."""
    blocks = iter(blocks)
    head = list(itertools.islice(blocks, N_LOSSLESS_BLOCKS + 1))
    is_long = len(head) > N_LOSSLESS_BLOCKS
    with soundfile.SoundFile(file, "w", SERVICE_RATE_HZ, 1, "PCM_16", format="FLAC") as flac:
        for block in itertools.chain(head, blocks):
            integers = np.rint(block * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
            flac.write((round_coarsely(integers) if is_long else integers).astype(np.int16))


def round_coarsely(
    samples: NDArray[np.float64 | np.float32],
) -> NDArray[np.float64 | np.float32]:
    """Round every frame of 4096 samples to multiples of a power of two that its level can spare.

    Parameters
    ----------
    samples
        shape=(n_samples,), in whole steps of 16 bits; 2^15 is full scale.
    """
    frames = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    level = np.sqrt(np.square(frames).mean(axis=1, keepdims=True))
    step = 2 ** np.floor(np.log2(np.maximum(level * STEP_SHARE, 1)))
    coarse = np.rint(frames / step).clip(-FULL_SCALE / step, FULL_SCALE / step - 1) * step
    return coarse.reshape(-1)[: len(samples)]
