"""Requests that are unusual, damaged in a way that can be mended, or empty: all are answered."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.soaking.asking import Request, samples_tensor
from measure.soaking.audio import Speech
from measure.soaking.case import Case, by_file
from measure.soaking.files import (
    UNKNOWN_SIZE,
    as_floats,
    at_rate,
    beside_silence,
    cut,
    encoded,
    flac_saying,
    in_channels,
    wav_saying,
)
from measure.soaking.verdicts import NoTurns, Same, Similar, Speakers, Verdict, WhatIsThere

FULL_BAND_HZ = (44_100, 48_000, 96_000)
NARROW_BAND_HZ = (8_000, 11_025)
TWO_SPEAKERS = {"num_speakers": 2}  # where ten seconds are too few to count voices in a narrow band

Encode = Callable[[Speech], bytes]


def answered_cases() -> Iterator[Case]:
    """All of them."""
    yield from _rates()
    yield from _channels()
    yield from _sample_types()
    yield from _headers()
    yield from _codings()
    yield from _damaged()
    yield from _short()
    yield from _levels()
    yield from _parameters()


def _rates() -> Iterator[Case]:
    for rate_hz in FULL_BAND_HZ:
        yield by_file(
            "sample rate", f"wav, {rate_hz / 1000:g} kHz", partial(_at_rate, rate_hz), Same()
        )
    for rate_hz in NARROW_BAND_HZ:
        name, encode = f"wav, {rate_hz / 1000:g} kHz", partial(_at_rate, rate_hz)
        yield by_file("sample rate", name, encode, Similar(), **TWO_SPEAKERS)


def _channels() -> Iterator[Case]:
    for n_channels in (2, 6):
        encode = partial(_in_channels, n_channels)
        yield by_file("channels", f"wav, {n_channels} channels", encode, Same())
    yield by_file(
        "channels", "wav, the second channel silent",
        lambda speech: encoded(beside_silence(speech)), Similar(),
    )  # fmt: skip
    for n_channels in (1, 2):  # the same two speakers in each
        yield by_file(
            "channels", f"wav, {n_channels} separate", partial(_in_channels, n_channels),
            Speakers(2 * n_channels, 2 * n_channels), channels="separate",
        )  # fmt: skip
    encode = partial(_in_channels, 2)
    yield by_file("channels", "wav, the first of 2", encode, Same(), channels="first")
    yield Case("channels", "samples [1, N]", partial(_samples, 1), Same())
    yield Case("channels", "samples [2, N]", partial(_samples, 2), Same())


def _sample_types() -> Iterator[Case]:
    expected: dict[str, Verdict] = {
        "PCM_U8": Similar(), "PCM_24": Same(), "PCM_32": Same(), "FLOAT": Same(), "DOUBLE": Same(),
        "ULAW": Similar(), "IMA_ADPCM": Similar(),
    }  # fmt: skip
    for subtype, verdict in expected.items():
        encode = partial(_of_type, "WAV", subtype)
        yield by_file("type of samples", f"wav, {subtype}", encode, verdict)
    for kind in ("WAVEX", "RF64", "AIFF"):
        yield by_file("container", kind, partial(_of_type, kind, "PCM_16"), Same())


def _headers() -> Iterator[Case]:
    told = {"0 bytes": 0, "1 GB": 10**9, "0xFFFFFFFF bytes": UNKNOWN_SIZE}
    for name, n_bytes in told.items():
        encode = partial(_wav_saying, n_bytes)
        yield by_file("header that lies", f"wav, {name} of samples told", encode, Same())
    yield by_file(
        "header that lies", "flac of unknown length",
        lambda speech: flac_saying(encoded(speech, kind="FLAC"), 0), Same(),
    )  # fmt: skip


def _codings() -> Iterator[Case]:
    yield by_file("coding", "flac", partial(_of_type, "FLAC", "PCM_16"), Same())
    for name, (kind, subtype) in _LOSSY.items():
        yield by_file("coding", name, partial(_of_type, kind, subtype), Similar())


_LOSSY = {
    "mp3": ("MP3", "MPEG_LAYER_III"), "ogg vorbis": ("OGG", "VORBIS"), "ogg opus": ("OGG", "OPUS"),
}  # fmt: skip


def _damaged() -> Iterator[Case]:
    for kind in ("WAV", "FLAC", "MP3", "OGG"):
        encode = partial(_half, kind)
        yield by_file("cut off", f"half of a {kind.lower()} file", encode, WhatIsThere())


def _short() -> Iterator[Case]:
    for n_samples in (0, 1):
        encode = partial(_beginning, n_samples)
        yield by_file("short", f"wav, {n_samples} sample(s)", encode, NoTurns())
    yield Case("short", "samples [1, 0]", lambda speech: _floats(speech[None, :0]), NoTurns())
    yield Case("short", "samples [1, 1]", lambda speech: _floats(speech[None, :1]), NoTurns())


def _levels() -> Iterator[Case]:
    for factor in (20.0, 0.01):
        encode = partial(_scaled, factor)
        yield by_file("level", f"float wav, {factor:g} times as loud", encode, Similar())


def _parameters() -> Iterator[Case]:
    plain = encoded
    yield by_file(
        "parameters", "num_speakers above the number of windows", plain, Speakers(2, 100),
        num_speakers=100,
    )  # fmt: skip
    yield by_file("parameters", "num_speakers 1", plain, Speakers(1, 1), num_speakers=1)
    yield by_file("parameters", "min_speakers 3", plain, Speakers(3, 30), min_speakers=3)
    yield by_file("parameters", "max_speakers 1", plain, Speakers(1, 1), max_speakers=1)
    yield by_file("parameters", "mode classic", plain, Speakers(1, 30), mode="classic")
    yield by_file("parameters", "exclusive", plain, Speakers(2, 2), exclusive=True)
    yield by_file("parameters", "recording_id of 255 bytes", plain, Same(), recording_id="x" * 255)
    yield by_file("parameters", "recording_id in Greek", plain, Same(), recording_id="ηχογράφηση")


def _at_rate(rate_hz: int, speech: Speech) -> bytes:
    return encoded(at_rate(speech, rate_hz), rate_hz)


def _in_channels(n_channels: int, speech: Speech) -> bytes:
    return encoded(in_channels(speech, n_channels))


def _of_type(kind: str, subtype: str, speech: Speech) -> bytes:
    return encoded(speech, kind=kind, subtype=subtype)


def _wav_saying(n_bytes: int, speech: Speech) -> bytes:
    return wav_saying(encoded(speech), n_bytes)


def _half(kind: str, speech: Speech) -> bytes:
    default = {"WAV": "PCM_16", "FLAC": "PCM_16", "MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}
    return cut(encoded(speech, kind=kind, subtype=default[kind]), 0.5)


def _beginning(n_samples: int, speech: Speech) -> bytes:
    return encoded(speech[:n_samples])


def _scaled(factor: float, speech: Speech) -> bytes:
    return encoded(np.float32(factor) * as_floats(speech), subtype="FLOAT")


def _samples(n_channels: int, speech: Speech) -> Request:
    return _floats(in_channels(speech, n_channels).T)


def _floats(channels: NDArray[Any]) -> Request:
    """A request with shape (n_channels, n_samples)."""
    return Request([samples_tensor(as_floats(channels))])
