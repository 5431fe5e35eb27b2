"""The bytes and the length of an audio file: sent as it is if the server can decode it.

The server reads what libsndfile reads. Other files (m4a, mp4, webm) are decoded here by PyAV, if
that is installed, to 16 kHz FLAC, mono unless the channels are needed; in a process of its own,
`av_worker`. Long uncompressed files are packed to FLAC without loss, because an upload takes
several times its size in the server's memory.
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
MAX_AUDIO_S = 43_200.0  # decoded here; the server's default of limits.audio_s
PACK_FROM_BYTES = 50_000_000  # about 26 minutes of 16 kHz mono 16-bit samples
MAX_UPLOAD_BYTES = 2**31 - 2**20  # gRPC's limit of 2 GiB, less 1 MiB for the rest of the message
FLAC_MAX_CHANNELS = 8
AV_REFUSED = 3  # exit status of `av_worker` that has written a reason
_AV_WORKER = Path(__file__).with_name("av_worker.py")
_POLL_S = 0.1
_MAX_LENGTH_S = 1e6  # a longer length in a header is wrong: files written to a pipe have one
_LOSSLESS_AS_FLAC = {
    "PCM_S8": "PCM_S8",
    "PCM_U8": "PCM_S8",
    "PCM_16": "PCM_16",
    "PCM_24": "PCM_24",
}
_FLAC_MAX_RATE_HZ = 655_350
_BLOCK_SAMPLES = 1 << 20

Stopped = Callable[[], bool]  # whether to give up; called often


class AudioError(ValueError):
    """A file cannot be sent; the message is one sentence naming it."""


def never() -> bool:
    """Never give up."""
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
    path
        Any audio file.
    pack_from_bytes
        Uncompressed files of this size or more are packed to FLAC without loss.
    keep_channels
        Whether a file that is decoded here keeps all its channels, or only their mean.
    stopped
        Stops decoding and packing.

    Raises
    ------
    AudioError
        If the file cannot be read, is not audio, is too large for one request, or was stopped.
    """
    try:
        audio = _read(path, pack_from_bytes, keep_channels, stopped)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error
    _refuse_too_large(path, len(audio))
    return audio


def audio_length_s(path: Path) -> float | None:
    """Read the length in seconds from the header, decoding nothing; None if it has no length.

    Raises
    ------
    AudioError
        If the file cannot be read, is not audio, or is too large to be sent.
    """
    try:
        with path.open("rb") as file:
            length_s = _header_length_s(path, file.fileno())
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error
    return length_s if 0 < length_s <= _MAX_LENGTH_S else None


def needs_channels(parameters: Mapping[str, object]) -> bool:
    """Whether a request with these parameters needs all channels, not their mean."""
    return parameters.get("channels", "mix") != "mix"


def through_av(path: Path, reason: str, task: str, stopped: Stopped = never) -> bytes:
    """Run a task of `av_worker` on a file that libsndfile cannot read, and return its result.

    Raises
    ------
    AudioError
        If the file is empty, PyAV is not installed or cannot read it, it holds no audio, it takes
        too much memory or time, or it was stopped.
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
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # every thread reserves memory
        )
        status = _wait(process, path, stopped)
        result.seek(0)
        content = result.read()
    if status:
        why = "it takes too much memory or time, or its decoder crashed"
        if status == AV_REFUSED:
            why = content.decode()
        raise AudioError(f"neither libsndfile nor PyAV can read {path}: {why}")
    return content


def stopped_error(path: Path) -> AudioError:
    """Make the error of reading that was stopped."""
    return AudioError(f"reading {path} was stopped")


def _read(path: Path, pack_from_bytes: int, keep_channels: bool, stopped: Stopped) -> bytes:
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        try:
            # By descriptor: libsndfile must judge the content, not the name, as the server does.
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                if n_bytes >= pack_from_bytes and _packs_without_loss(sound):
                    return _pack(path, sound, stopped)
        except soundfile.LibsndfileError as error:
            return through_av(
                path, _reason(error), "channels" if keep_channels else "mono", stopped
            )
        _refuse_too_large(path, n_bytes)
        file.seek(0)
        return file.read()


def _header_length_s(path: Path, descriptor: int) -> float:
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if not _packs_without_loss(sound):
                _refuse_too_large(path, path.stat().st_size)
            return float(sound.frames / sound.samplerate)
    except soundfile.LibsndfileError as error:
        return float(json.loads(through_av(path, _reason(error), "probe"))["length_s"] or 0)


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).rstrip(".")


def _refuse_too_large(path: Path, n_bytes: int) -> None:
    if n_bytes > MAX_UPLOAD_BYTES:
        raise AudioError(
            f"{path} would send {n_bytes} bytes, expected at most {MAX_UPLOAD_BYTES}: split it"
        )


def _packs_without_loss(sound: soundfile.SoundFile) -> bool:
    """Whether FLAC can hold every sample of it; FLAC itself is not packed again."""
    return (
        sound.format != "FLAC"
        and sound.subtype in _LOSSLESS_AS_FLAC
        and sound.channels <= FLAC_MAX_CHANNELS
        and sound.samplerate <= _FLAC_MAX_RATE_HZ
    )


def _pack(path: Path, sound: soundfile.SoundFile, stopped: Stopped) -> bytes:
    """Encode all of `sound` as FLAC of the same rate, channels and bits."""
    subtype = _LOSSLESS_AS_FLAC[sound.subtype]
    packed = io.BytesIO()
    with soundfile.SoundFile(
        packed, "w", sound.samplerate, sound.channels, subtype, format="FLAC"
    ) as flac:
        for block in sound.blocks(blocksize=_BLOCK_SAMPLES, dtype="int32", always_2d=True):
            if stopped():
                raise stopped_error(path)
            flac.write(block)
    return packed.getvalue()


def _wait(process: "subprocess.Popen[bytes]", path: Path, stopped: Stopped) -> int:
    """Wait for a process, which never outlives this call; returns its exit status."""
    with process:
        try:
            while not stopped():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(_POLL_S)
            raise stopped_error(path)
        finally:
            process.kill()
