"""The bytes that are sent for a recording: the file as it is, wherever the server can decode it.

The server reads what libsndfile reads. What libsndfile cannot (m4a, mp4, webm) is decoded here by
PyAV, where that is installed, to 16 kHz FLAC, mono unless the channels are needed. Long
uncompressed files are packed to FLAC without loss: an upload takes several times its size in the
server's memory.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

Result = TypeVar("Result")

SERVICE_RATE_HZ = 16_000
PACK_FROM_BYTES = 50_000_000  # about 26 minutes of 16 kHz mono 16-bit samples
MAX_UPLOAD_BYTES = 2**31 - 2**20  # a gRPC message ends at 2 GiB; 1 MiB is left for all else in it
_LOSSLESS_AS_FLAC = {
    "PCM_S8": "PCM_S8",
    "PCM_U8": "PCM_S8",
    "PCM_16": "PCM_16",
    "PCM_24": "PCM_24",
}
_FLAC_MAX_CHANNELS = 8
_FLAC_MAX_RATE_HZ = 655_350
_BLOCK_SAMPLES = 1 << 20
# FFmpeg's names of formats whose files stand alone. It knows others, such as lists to play, that
# name further files or addresses to read: what a stranger sent must not do that.
AV_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,"
    "tta,w64,wav,wv"
)


class AudioError(ValueError):
    """A file cannot be sent; the message is one sentence naming it."""


def encoded_bytes(
    path: Path, pack_from_bytes: int = PACK_FROM_BYTES, *, keep_channels: bool = False
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

    Raises
    ------
    AudioError
        If the file cannot be read, is no audio, or is too large for one request.
    """
    try:
        audio = _read(path, pack_from_bytes, keep_channels)
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error
    refuse_too_large(path, len(audio))
    return audio


def needs_channels(parameters: Mapping[str, object]) -> bool:
    """Whether a request with these parameters needs all channels, not their mean."""
    return parameters.get("channels", "mix") != "mix"


def _read(path: Path, pack_from_bytes: int, keep_channels: bool) -> bytes:
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        try:
            # By descriptor: libsndfile must judge the content, not the name, as the server does.
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                if n_bytes >= pack_from_bytes and packs_without_loss(sound):
                    return _packed(sound)
        except soundfile.LibsndfileError as error:
            reason = str(error.error_string).rstrip(".")
            return through_av(path, reason, partial(_decoded, keep_channels))
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
        and sound.channels <= _FLAC_MAX_CHANNELS
        and sound.samplerate <= _FLAC_MAX_RATE_HZ
    )


def _packed(sound: soundfile.SoundFile) -> bytes:
    """Encode all of `sound` as FLAC of the same rate, channels and bits."""
    blocks = sound.blocks(blocksize=_BLOCK_SAMPLES, dtype="int32", always_2d=True)
    subtype = _LOSSLESS_AS_FLAC[sound.subtype]
    return _flac(blocks, sound.samplerate, sound.channels, subtype)


def _flac(blocks: Iterator[NDArray[Any]], rate_hz: int, n_channels: int, subtype: str) -> bytes:
    """Encode blocks of samples, each (n, n_channels) or (n,), as one FLAC file."""
    packed = io.BytesIO()
    with soundfile.SoundFile(packed, "w", rate_hz, n_channels, subtype, format="FLAC") as flac:
        for block in blocks:
            flac.write(block)
    return packed.getvalue()


def through_av(path: Path, reason: str, work: Callable[[ModuleType, Any], Result]) -> Result:
    """Let `work` have PyAV and its open container of a file that libsndfile cannot read.

    Raises
    ------
    AudioError
        If the file is empty, PyAV is not installed or cannot read it, or there is no audio in it.
    """
    if not path.stat().st_size:
        raise AudioError(f"{path} is empty, expected audio")
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"libsndfile cannot read {path} ({reason}), and PyAV, which reads m4a, mp4 and webm, "
            "is not installed: `pip install av`, or convert the file to wav, flac, ogg or mp3"
        ) from error
    try:
        with av.open(str(path), options={"format_whitelist": AV_FORMATS}) as container:
            if not container.streams.audio:
                raise ValueError("it has no audio stream")
            return work(av, container)
    except (av.error.FFmpegError, ValueError) as error:
        said = getattr(error, "strerror", None) or error  # without FFmpeg's number and the name
        raise AudioError(f"neither libsndfile nor PyAV can read {path}: {said}") from error


def _decoded(keep_channels: bool, av: ModuleType, container: Any) -> bytes:  # noqa: ANN401 - PyAV is optional
    """Decode the first audio stream to 16 kHz FLAC, all its channels or mono."""
    stream = container.streams.audio[0]
    layout, n_channels = "mono", 1
    if keep_channels:
        layout, n_channels = stream.layout, stream.layout.nb_channels
    if n_channels > _FLAC_MAX_CHANNELS:
        raise ValueError(f"it has {n_channels} channels, expected at most {_FLAC_MAX_CHANNELS}")
    resampler = av.AudioResampler(format="s16", layout=layout, rate=SERVICE_RATE_HZ)
    blocks = (block.reshape(-1, n_channels) for block in _resampled(resampler, container, stream))
    return _flac(blocks, SERVICE_RATE_HZ, n_channels, "PCM_16")


def _resampled(resampler: Any, container: Any, stream: Any) -> Iterator[NDArray[np.int16]]:  # noqa: ANN401
    """Yield the samples of an audio stream, int16, the channels of each one after another."""
    for frame in container.decode(stream):
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray()
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray()
