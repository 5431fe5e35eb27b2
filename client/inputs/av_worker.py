"""PyAV in a process of its own, for files that libsndfile cannot read.

FFmpeg is C code that reads untrusted files, and a few kilobytes can decode to days of sound. So
this process limits its memory and time, stops where a file is longer than it declares, and can be
killed at any moment. `audio_files` runs it:

    av_worker.py probe|mono|channels <FILE >RESULT

RESULT, which must be a file, gets JSON (`probe`) or 16 kHz FLAC, of one channel or of all. With
exit status AV_REFUSED it holds the reason instead; any other status but 0 is a limit or a crash.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from inputs.audio_files import (
    AV_REFUSED,
    FLAC_MAX_CHANNELS,
    MAX_AUDIO_S,
    MAX_UPLOAD_BYTES,
    SERVICE_RATE_HZ,
)

# FFmpeg's names of self-contained formats. Others, such as playlists, name further files or
# addresses to read, which an untrusted file must not do.
FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,"
    "tta,w64,wav,wv"
)
# Other formats declare no length, or FFmpeg guesses it from the bit rate.
_FORMATS_THAT_DECLARE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_MARGIN, _MARGIN_S = 0.1, 10.0  # a file may be longer than it declares by this
_MAX_PACKET_RATIO = 2  # of all packets to the file; beyond it they reuse the same bytes
_MEMORY_BYTES = 2**30
_OPENING_CPU_S = 20
_MIN_SPEED = 20  # seconds of sound per second of processor time; 500 is usual


def main(task: str) -> int:
    """Run a task and return the exit status."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, _MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, _OPENING_CPU_S)
    try:
        with av.open("/dev/stdin", options={"format_whitelist": FORMATS}) as container:
            if not container.streams.audio:
                raise ValueError("it has no audio stream")
            if task == "probe":
                _write(json.dumps(_probe(container)))
            else:
                _decode(container, keep_channels=task == "channels")
    except (av.error.FFmpegError, soundfile.LibsndfileError, ValueError, OSError) as error:
        _write(str(getattr(error, "strerror", None) or error))  # without FFmpeg's number and name
        return AV_REFUSED
    return 0


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _write(text: str) -> None:
    os.ftruncate(sys.stdout.fileno(), 0)
    os.pwrite(sys.stdout.fileno(), text.encode(errors="replace"), 0)


def _probe(container: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"format": container.format.name, "length_s": _length_s(container)}


def _length_s(container: Any) -> float | None:  # noqa: ANN401
    """Read the length in seconds from the header; None if it has none."""
    stream = container.streams.audio[0]
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else float(container.duration / av.time_base)


def _decode(container: Any, keep_channels: bool) -> None:  # noqa: ANN401
    """Decode the first audio stream to 16 kHz FLAC, all its channels or mono."""
    stream = container.streams.audio[0]
    layout, n_channels = "mono", 1
    if keep_channels:
        layout, n_channels = stream.layout, stream.layout.nb_channels
    if n_channels > FLAC_MAX_CHANNELS:
        raise ValueError(f"it has {n_channels} channels, expected at most {FLAC_MAX_CHANNELS}")
    max_s = _max_s(container)
    _limit(resource.RLIMIT_CPU, _OPENING_CPU_S + round(max_s / _MIN_SPEED))
    resampler = av.AudioResampler(format="s16", layout=layout, rate=SERVICE_RATE_HZ)
    result, n_samples = sys.stdout.fileno(), 0
    with soundfile.SoundFile(
        result, "w", SERVICE_RATE_HZ, n_channels, "PCM_16", format="FLAC", closefd=False
    ) as flac:
        for block in _resampled(resampler, container, stream):
            flac.write(block.reshape(-1, n_channels))
            n_samples += block.size // n_channels
            if n_samples > max_s * SERVICE_RATE_HZ:
                raise ValueError(
                    f"it continues after {max_s:.0f} s, longer than allowed or declared"
                )
            if os.fstat(result).st_size > MAX_UPLOAD_BYTES:
                raise ValueError(f"as FLAC it has more than {MAX_UPLOAD_BYTES} bytes: split it")
    if not n_samples:
        raise ValueError("none of its sound can be decoded")


def _max_s(container: Any) -> float:  # noqa: ANN401
    """Return how long the sound may be."""
    declared_s = _length_s(container) if container.format.name in _FORMATS_THAT_DECLARE else None
    if not declared_s or declared_s < 0:
        return MAX_AUDIO_S
    return min(declared_s * (1 + _MARGIN) + _MARGIN_S, MAX_AUDIO_S)


def _resampled(resampler: Any, container: Any, stream: Any) -> Iterator[NDArray[np.int16]]:  # noqa: ANN401
    """Yield the samples of an audio stream, int16, channels interleaved."""
    max_bytes = _MAX_PACKET_RATIO * os.fstat(sys.stdin.fileno()).st_size
    n_bytes = 0
    for packet in container.demux(stream):
        n_bytes += packet.size
        if n_bytes > max_bytes:
            raise ValueError("its packets hold more bytes than the file: they reuse the same ones")
        for frame in packet.decode():
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray()
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
