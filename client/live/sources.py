"""Where live audio comes from: a file at its own pace, standard input, or a microphone.

All of them give mono 16-bit samples at their own rate, or at 16 kHz where the service does not
take that.
"""

import argparse
import contextlib
import importlib
import sys
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from console.options import MICROPHONE
from console.run_report import log
from inputs.audio_files import SERVICE_RATE_HZ, AudioError, never
from inputs.recordings import STANDARD_INPUT, STANDARD_INPUT_ID, Recording, single_recording
from viewer.sound import FULL_SCALE, Samples, mono_blocks, open_sound, regroup, resample

RATES_HZ = range(8000, 48_001)  # that the service takes
BLOCK_S = 0.25
_HEAD_BYTES = 12  # of a wav header: RIFF, a size, WAVE
_SAMPLE_BYTES = 2
_UNKNOWN_BYTES = 2**31 - 2**16  # writers to a pipe declare about 2 or 4 GiB, or nothing
_ENCODED = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3\x03": "mp3", b"ID3\x04": "mp3"}

Pcm = NDArray[np.int16]  # shape=(n_samples,)


class ByteStream(Protocol):
    """Bytes that arrive, as a pipe has them."""

    def read(self, n: int, /) -> bytes | None:
        """Wait for bytes and return at most `n`; none at the end."""


@dataclass(frozen=True)
class Source:
    """Live audio: its rate, and blocks of samples; the next block is waited for."""

    rate_hz: int
    blocks: Iterator[Pcm]


def recording_of(name: str, data_dir: str | None, recording_id: str | None) -> Recording:
    """Make the recording of a live source; its id is that of the file, `stdin` or `mic`.

    Raises
    ------
    ListError
        If the file's stem is too long to be an id.
    """
    own_ids = {STANDARD_INPUT: STANDARD_INPUT_ID, MICROPHONE: MICROPHONE}
    if name in own_ids:
        return Recording(recording_id or own_ids[name], Path(name))
    recording = single_recording(name, data_dir)
    return Recording(recording_id or recording.recording_id, recording.path)


def open_source(
    options: argparse.Namespace,
    path: Path,
    wait: Callable[[float], object],
    until_the_end: contextlib.ExitStack,
) -> Source:
    """Open what --stream names; it is closed when `until_the_end` closes.

    Parameters
    ----------
    path
        Of the file, if it is one.
    wait
        Waits for seconds, or for less if the source is not read any more.

    Raises
    ------
    AudioError
        If it cannot be opened or is no audio.
    """
    if options.stream == MICROPHONE:
        return microphone(until_the_end)
    if options.stream == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.isatty():
            raise AudioError("standard input is a terminal, expected audio piped into it")
        # Unbuffered: a thread that waits inside a buffered read keeps the program from ending.
        return pipe(until_the_end.enter_context(_unbuffered_input()), options.stream_rate)
    source = audio_file(path, until_the_end)
    return Source(source.rate_hz, paced(source, options.pace, wait))


def audio_file(path: Path, until_the_end: contextlib.ExitStack) -> Source:
    """Open an audio file, in blocks of BLOCK_S; AudioError if that fails."""
    try:
        file = until_the_end.enter_context(path.open("rb"))
        sound = until_the_end.enter_context(open_sound(file, path, never))
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error
    rate_hz = sound.samplerate
    blocks = regroup(mono_blocks(sound, path, never), max(round(BLOCK_S * rate_hz), 1))
    return _source(rate_hz, blocks)


def pipe(stream: ByteStream, raw_rate_hz: int) -> Source:
    """Read 16-bit samples: those behind a wav header, or raw, little-endian and mono.

    Parameters
    ----------
    raw_rate_hz
        Of raw samples; a header has its own rate.

    Raises
    ------
    AudioError
        If the stream is empty, or neither.
    """
    head = _read(stream, _HEAD_BYTES)
    if not head:
        raise AudioError("standard input is empty, expected audio: did its writer fail?")
    if kind := _ENCODED.get(head[:4]):
        raise AudioError(
            f"standard input is {kind}, expected wav or raw samples: pipe it through "
            "`ffmpeg -i - -f wav -`"
        )
    whole = _Rejoined(head, stream)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return _source(raw_rate_hz, _pipe_blocks(whole, 1, raw_rate_hz, None))
    try:
        header = wave.open(whole)  # type: ignore[call-overload] # noqa: SIM115 - it only reads
    except (wave.Error, EOFError) as error:
        raise AudioError(_wrong_header(str(error))) from error
    if header.getsampwidth() != _SAMPLE_BYTES:
        raise AudioError(_wrong_header(f"{8 * header.getsampwidth()} bits"))
    n_channels, rate_hz = header.getnchannels(), header.getframerate()
    n_bytes = header.getnframes() * n_channels * _SAMPLE_BYTES
    known = n_bytes if 0 < n_bytes < _UNKNOWN_BYTES else None
    return _source(rate_hz, _pipe_blocks(whole, n_channels, rate_hz, known))


def microphone(until_the_end: contextlib.ExitStack) -> Source:
    """Open the default microphone; AudioError if there is none, or no package to read it."""
    try:
        sounddevice = importlib.import_module("sounddevice")
    except ImportError as error:
        raise AudioError(
            "--stream mic needs the package sounddevice, which is not installed: "
            "`pip install sounddevice`, or pipe audio into --stream -"
        ) from error
    except OSError as error:  # its library
        raise AudioError(
            f"--stream mic: {error}: install it (Debian: `apt install libportaudio2`)"
        ) from error
    try:
        stream = until_the_end.enter_context(
            sounddevice.InputStream(samplerate=SERVICE_RATE_HZ, channels=1, dtype="int16")
        )
    except sounddevice.PortAudioError as error:
        raise AudioError(f"cannot open the microphone: {error}") from error
    return Source(SERVICE_RATE_HZ, _microphone_blocks(stream, sounddevice.PortAudioError))


def paced(
    source: Source,
    pace: float,
    wait: Callable[[float], object],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Pcm]:
    """Yield each block when its last sample has been spoken, as if the audio were live.

    Parameters
    ----------
    pace
        How many times as fast as real time; 0: without waiting.
    """
    start_s, n_samples = clock(), 0
    for block in source.blocks:
        n_samples += len(block)
        if pace:
            due_s = start_s + n_samples / source.rate_hz / pace
            wait(max(due_s - clock(), 0.0))
        yield block


class _Rejoined:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, stream: ByteStream) -> None:
        self._head = head
        self._stream = stream

    def read(self, n: int) -> bytes:
        """Wait for `n` bytes; fewer at the end."""
        head, self._head = self._head[:n], self._head[n:]
        return head + _read(self._stream, n - len(head))


def _unbuffered_input() -> Any:  # noqa: ANN401 - FileIO, which is not what open() is declared to return
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _read(stream: ByteStream, n: int) -> bytes:
    """Wait for `n` bytes; fewer at the end."""
    blocks = []
    while n and (block := stream.read(n)):
        blocks.append(block)
        n -= len(block)
    return b"".join(blocks)


def _wrong_header(got: str) -> str:
    return (
        f"standard input is a wav file of another kind ({got}), expected 16-bit PCM, such as "
        "`ffmpeg ... -f wav -c:a pcm_s16le -` writes"
    )


def _pipe_blocks(
    stream: ByteStream, n_channels: int, rate_hz: int, n_bytes: int | None
) -> Iterator[Samples]:
    """Yield blocks of BLOCK_S, the mean of all channels; `n_bytes` None: until the end."""
    frame_bytes = _SAMPLE_BYTES * n_channels
    block_bytes = max(round(BLOCK_S * rate_hz), 1) * frame_bytes
    left = block_bytes if n_bytes is None else n_bytes
    while data := _read(stream, min(block_bytes, left)):
        left -= 0 if n_bytes is None else len(data)
        whole = data[: len(data) // frame_bytes * frame_bytes]
        frames = np.frombuffer(whole, "<i2").reshape(-1, n_channels)
        yield frames.mean(axis=1, dtype=np.float32) / np.float32(FULL_SCALE)


def _microphone_blocks(stream: Any, device_error: type[Exception]) -> Iterator[Pcm]:  # noqa: ANN401
    while True:
        try:
            samples, overflowed = stream.read(round(BLOCK_S * SERVICE_RATE_HZ))
        except device_error as error:
            raise AudioError(f"the microphone stopped: {error}") from error
        if overflowed:
            log.warning("the microphone was read too late: some sound is lost")
        yield samples[:, 0]


def _source(rate_hz: int, blocks: Iterable[Samples]) -> Source:
    sent_hz = rate_hz if rate_hz in RATES_HZ else SERVICE_RATE_HZ
    return Source(sent_hz, map(_pcm, resample(blocks, rate_hz, sent_hz)))


def _pcm(samples: Samples) -> Pcm:
    whole = np.rint(samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
    return whole.astype(np.int16)
