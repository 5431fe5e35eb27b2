"""The bytes that are sent for a recording: the file as it is, wherever the server can decode it.

The server reads what libsndfile reads. What libsndfile cannot (m4a, mp4, webm) is decoded here by
PyAV, where that is installed, to 16 kHz FLAC, mono unless the channels are needed; in a process of
its own, `av_worker`. Long uncompressed files are packed to FLAC without loss: an upload takes
several times its size in the server's memory.


How long a recording is, told by its header: nothing is decoded.
"""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import soundfile

SERVICE_RATE_HZ = 16_000
MAX_AUDIO_S = 43_200.0  # that is decoded here; as limits.audio_s of the server by default
PACK_FROM_BYTES = 50_000_000  # about 26 minutes of 16 kHz mono 16-bit samples
MAX_UPLOAD_BYTES = 2**31 - 2**20  # a gRPC message ends at 2 GiB; 1 MiB is left for all else in it
FLAC_MAX_CHANNELS = 8
AV_REFUSED = 3  # exit status of `av_worker` that has written why
_AV_WORKER = Path(__file__).with_name("av_worker.py")
_LOOK_UP_EVERY_S = 0.1  # how long it may go unnoticed that nobody wants the file any more
_LOSSLESS_AS_FLAC = {
    "PCM_S8": "PCM_S8",
    "PCM_U8": "PCM_S8",
    "PCM_16": "PCM_16",
    "PCM_24": "PCM_24",
}
_FLAC_MAX_RATE_HZ = 655_350
_BLOCK_SAMPLES = 1 << 20

Stopped = Callable[[], bool]  # whether nobody wants the file any more; asked all the time


class AudioError(ValueError):
    """A file cannot be sent; the message is one sentence naming it."""


def never() -> bool:
    """Answer that somebody wants the file."""
    return False


def encoded_bytes(
    path: Path,
    pack_from_bytes: int = PACK_FROM_BYTES,
    *,
    keep_channels: bool = False,
    stopped: Stopped = never,
) -> bytes:
    """Read `path` as an encoded file that the service can decode.

    Parameters
    ----------
    path : Path
        Any audio file.
    pack_from_bytes : int
        Uncompressed files of this size or more are packed to FLAC, every sample the same.
    keep_channels : bool
        Whether to send all channels of what has to be decoded here, too, instead of their mean.
    stopped : Stopped
        Breaks off decoding and packing.

    Raises
    ------
    AudioError
        If the file cannot be read, is no audio, is too large for one request, or was broken off.
    """
    try:
        audio = _read(path, pack_from_bytes, keep_channels, stopped)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error
    refuse_too_large(path, len(audio))
    return audio


def needs_channels(parameters: Mapping[str, object]) -> bool:
    """Whether a request with these parameters needs all channels, not their mean."""
    return parameters.get("channels", "mix") != "mix"


def _read(path: Path, pack_from_bytes: int, keep_channels: bool, stopped: Stopped) -> bytes:
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        try:
            # By descriptor: libsndfile must judge the content, not the name, as the server does.
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                if n_bytes >= pack_from_bytes and packs_without_loss(sound):
                    return _packed(path, sound, stopped)
        except soundfile.LibsndfileError as error:
            reason = str(error.error_string).rstrip(".")
            return through_av(path, reason, "channels" if keep_channels else "mono", stopped)
        refuse_too_large(path, n_bytes)
        file.seek(0)
        return file.read()


def refuse_too_large(path: Path, n_bytes: int) -> None:
    """Refuse to send so many bytes; AudioError names the file."""
    if n_bytes > MAX_UPLOAD_BYTES:
        raise AudioError(
            f"{path} would send {n_bytes} bytes, expected at most {MAX_UPLOAD_BYTES}: split it"
        )


def packs_without_loss(sound: soundfile.SoundFile) -> bool:
    """Whether FLAC holds every sample of it; FLAC itself stays as it is."""
    return (
        sound.format != "FLAC"
        and sound.subtype in _LOSSLESS_AS_FLAC
        and sound.channels <= FLAC_MAX_CHANNELS
        and sound.samplerate <= _FLAC_MAX_RATE_HZ
    )


def _packed(path: Path, sound: soundfile.SoundFile, stopped: Stopped) -> bytes:
    """Encode all of `sound` as FLAC of the same rate, channels and bits."""
    subtype = _LOSSLESS_AS_FLAC[sound.subtype]
    packed = io.BytesIO()
    with soundfile.SoundFile(
        packed, "w", sound.samplerate, sound.channels, subtype, format="FLAC"
    ) as flac:
        for block in sound.blocks(blocksize=_BLOCK_SAMPLES, dtype="int32", always_2d=True):
            if stopped():
                raise broken_off(path)
            flac.write(block)
    return packed.getvalue()


def broken_off(path: Path) -> AudioError:
    """Say that nobody wanted the file any more."""
    return AudioError(f"reading {path} was broken off")


def through_av(path: Path, reason: str, task: str, stopped: Stopped = never) -> bytes:
    """Let PyAV do a task of `av_worker` with a file that libsndfile cannot read; its result.

    Raises
    ------
    AudioError
        If the file is empty, PyAV is not installed or cannot read it, there is no audio in it, it
        takes more memory or time than it may, or `stopped` says so.
    """
    if not path.stat().st_size:
        raise AudioError(f"{path} is empty, expected audio")
    if not importlib.util.find_spec("av"):
        raise AudioError(
            f"libsndfile cannot read {path} ({reason}), and PyAV, which reads m4a, mp4 and webm, "
            "is not installed: `pip install av`, or convert the file to wav, flac, ogg or mp3"
        )
    with path.open("rb") as file, tempfile.TemporaryFile() as result:
        process = subprocess.Popen(
            [sys.executable, _AV_WORKER, task],
            stdin=file,
            stdout=result,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each has memory of its own
        )
        status = _ended(process, path, stopped)
        result.seek(0)
        content = result.read()
    if status:
        said = "it takes more memory or time than it may, or its decoder crashed"
        if status == AV_REFUSED:
            said = content.decode()
        raise AudioError(f"neither libsndfile nor PyAV can read {path}: {said}")
    return content


def _ended(process: "subprocess.Popen[bytes]", path: Path, stopped: Stopped) -> int:
    """Wait for a process, and leave none behind; its exit status."""
    with process:
        try:
            while not stopped():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(_LOOK_UP_EVERY_S)
            raise broken_off(path)
        finally:
            process.kill()


MOST_LENGTH_S = 1e6  # beyond it a header lies: one that a pipe left does not know the length


def audio_length_s(path: Path) -> float | None:
    """Read the length in seconds; None where the header does not know it.

    Raises
    ------
    AudioError
        If the file cannot be read, is no audio, or is too large to be sent.
    """
    try:
        with path.open("rb") as file:
            return _plausible(_length_s(path, file.fileno()))
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def _length_s(path: Path, descriptor: int) -> float:
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if not packs_without_loss(sound):
                refuse_too_large(path, path.stat().st_size)
            return float(sound.frames / sound.samplerate)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        return float(json.loads(through_av(path, reason, "probe"))["length_s"] or 0)


def _plausible(length_s: float) -> float | None:
    return length_s if 0 < length_s <= MOST_LENGTH_S else None
