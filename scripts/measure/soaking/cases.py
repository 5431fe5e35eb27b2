"""The table of unusual and invalid requests, and what has to come back for each."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.soaking.files import (
    UNKNOWN_SIZE,
    Speech,
    as_floats,
    encoded,
    flac_declaring,
    flac_of_silence,
    in_channels,
    ogg_declaring,
    resampled,
    wav_declaring,
)
from measure.soaking.judging import (
    NO_TURNS,
    PARTIAL,
    REFUSED_BY_TRITON,
    SAME,
    SIMILAR,
    Expected,
    refused,
    speakers,
)
from measure.soaking.requests import (
    LENGTH_BYTES,
    Parameter,
    Request,
    Tensor,
    file_request,
    files_tensor,
    samples_tensor,
)

HOUR = 3600 * 16_000  # samples
DECLARED = 11 * HOUR  # less than the service takes of an honest file, 12 hours
REFUSED_QUICKLY_S = 5.0  # on a busy machine; nothing is decoded
NOT_AUDIO = refused("AUDIO: got", "wav, flac, ogg or mp3")
TOO_LONG = refused("AUDIO: got", within_s=REFUSED_QUICKLY_S)
WRONG_AXES = refused("input: got shape", "[channels, samples]")
ONE_INPUT = refused("got", "exactly one of input, AUDIO")

Encode = Callable[[Speech], bytes]


@dataclass(frozen=True)
class Case:
    """A request that is unusual or invalid."""

    kind: str  # what is unusual; groups a few cases
    name: str  # unique within its kind
    make: Callable[[Speech], Request]  # makes the request from some speech, (n,) samples
    expected: Expected  # what has to come back


def _file(
    kind: str, name: str, encode: Encode, expected: Expected, **parameters: Parameter
) -> Case:
    """A case that sends an audio file."""
    return Case(kind, name, lambda speech: file_request(encode(speech), **parameters), expected)


def _good(name: str, expected: Expected, **parameters: Parameter) -> Case:
    """A good recording with unusual parameters."""
    return _file("parameters", name, encoded, expected, **parameters)


def _tensors(
    kind: str, name: str, expected: Expected, make: Callable[[Speech], list[Tensor]]
) -> Case:
    """A case that sends any tensors."""
    return Case(kind, name, lambda speech: Request(make(speech)), expected)


def _samples(kind: str, name: str, expected: Expected, select: Callable[[Speech], Speech]) -> Case:
    """A case that sends samples, (n_channels, n_samples)."""
    return _tensors(kind, name, expected, lambda speech: [_floats(select(speech))])


def _changed(
    kind: str, name: str, expected: Expected = REFUSED_BY_TRITON, /, **parts: object
) -> Case:
    """Good samples with other parts in their tensor."""
    return _tensors(kind, name, expected, lambda speech: [replace(_floats(speech[None]), **parts)])  # type: ignore[arg-type]


def _floats(samples: NDArray[Any]) -> Tensor:
    return samples_tensor(as_floats(samples))


def _half(kind: str, subtype: str, speech: Speech) -> bytes:
    file = encoded(speech, kind=kind, subtype=subtype)
    return file[: len(file) // 2]


def _channels(n_channels: int, speech: Speech) -> bytes:
    return encoded(in_channels(speech, n_channels))


def _beginning(n_samples: int, speech: Speech) -> bytes:
    return encoded(speech[:n_samples])


def _wav_declaring(n_bytes: int, speech: Speech) -> bytes:
    return wav_declaring(encoded(speech), n_bytes)


def _scaled(factor: float, speech: Speech) -> bytes:
    return encoded(np.float32(factor) * as_floats(speech), subtype="FLOAT")


LOSSY = {
    "mp3": ("MP3", "MPEG_LAYER_III"), "ogg vorbis": ("OGG", "VORBIS"), "ogg opus": ("OGG", "OPUS"),
}  # fmt: skip
SUBTYPES = {
    "PCM_U8": SIMILAR, "PCM_24": SAME, "PCM_32": SAME, "FLOAT": SAME, "DOUBLE": SAME,
    "ULAW": SIMILAR, "IMA_ADPCM": SIMILAR,
}  # fmt: skip
CUT_OFF = {
    "wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": LOSSY["mp3"],
    "ogg": LOSSY["ogg vorbis"],
}  # fmt: skip
WAV_SIZES = {"0 bytes": 0, "1 GB": 10**9, "0xFFFFFFFF bytes": UNKNOWN_SIZE}

ANSWERED: tuple[Case, ...] = (
    *(_file("sample rate", f"wav, {hz / 1000:g} kHz", partial(resampled, rate_hz=hz), SAME)
      for hz in (44_100, 48_000, 96_000)),
    # Ten seconds are too few to count voices in a narrow band.
    *(_file("sample rate", f"wav, {hz / 1000:g} kHz", partial(resampled, rate_hz=hz), SIMILAR,
            num_speakers=2)
      for hz in (8_000, 11_025)),
    *(_file("channels", f"wav, {n} channels", partial(_channels, n), SAME) for n in (2, 6)),
    _file("channels", "wav, the second channel silent",
          lambda speech: encoded(np.stack([speech, np.zeros_like(speech)], axis=1)), SIMILAR),
    # The same two speakers in each.
    *(_file("channels", f"wav, {n} separate", partial(_channels, n), speakers(2 * n, 2 * n),
            channels="separate")
      for n in (1, 2)),
    _file("channels", "wav, the first of 2", partial(_channels, 2), SAME, channels="first"),
    _samples("channels", "samples [1, N]", SAME, lambda speech: speech[None]),
    _samples("channels", "samples [2, N]", SAME, lambda speech: in_channels(speech, 2).T),
    *(_file("type of samples", f"wav, {subtype}", partial(encoded, subtype=subtype), expected)
      for subtype, expected in SUBTYPES.items()),
    *(_file("container", kind, partial(encoded, kind=kind), SAME)
      for kind in ("WAVEX", "RF64", "AIFF")),
    *(_file("false header", f"wav, {size} of samples declared", partial(_wav_declaring, n), SAME)
      for size, n in WAV_SIZES.items()),
    _file("false header", "flac of unknown length",
          lambda speech: flac_declaring(encoded(speech, kind="FLAC"), 0), SAME),
    _file("coding", "flac", partial(encoded, kind="FLAC"), SAME),
    *(_file("coding", name, partial(encoded, kind=kind, subtype=subtype), SIMILAR)
      for name, (kind, subtype) in LOSSY.items()),
    *(_file("cut off", f"half of a {name} file", partial(_half, *coding), PARTIAL)
      for name, coding in CUT_OFF.items()),
    *(_file("short", f"wav, {n} sample(s)", partial(_beginning, n), NO_TURNS) for n in (0, 1)),
    _samples("short", "samples [1, 0]", NO_TURNS, lambda speech: speech[None, :0]),
    _samples("short", "samples [1, 1]", NO_TURNS, lambda speech: speech[None, :1]),
    *(_file("level", f"float wav, {factor:g} times as loud", partial(_scaled, factor), SIMILAR)
      for factor in (20.0, 0.01)),
    _good("num_speakers above the number of windows", speakers(2, 100), num_speakers=100),
    _good("num_speakers 1", speakers(1, 1), num_speakers=1),
    _good("min_speakers 3", speakers(3, 30), min_speakers=3),
    _good("max_speakers 1", speakers(1, 1), max_speakers=1),
    _good("mode classic", speakers(1, 30), mode="classic"),
    _good("exclusive", speakers(2, 2), exclusive=True),
    _good("recording_id of 255 bytes", SAME, recording_id="x" * 255),
    _good("recording_id in Greek", SAME, recording_id="ηχογράφηση"),
)  # fmt: skip


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("recording.wav", bytes(1000))
    return file.getvalue()


def _always(content: bytes, _speech: Speech) -> bytes:
    return content


def _with_value(value: float, speech: Speech) -> NDArray[np.float32]:
    samples = as_floats(speech)
    samples[len(speech) // 2] = value
    return samples


def _cases_with_value(value: float, word: str) -> list[Case]:
    expected = refused("audio: got", word)
    return [
        _tensors("values", f"input with {value}", expected,
                 lambda speech: [samples_tensor(_with_value(value, speech)[None])]),
        _file("values", f"float wav with {value}",
              lambda speech: encoded(_with_value(value, speech), subtype="FLOAT"), expected),
    ]  # fmt: skip


def _longer_than_it_is(speech: Speech) -> list[Tensor]:
    file = encoded(speech)
    declared = (len(file) + 1000).to_bytes(LENGTH_BYTES, "little")
    return [replace(files_tensor(file), content=declared + file)]


def _long_flac(speech: Speech) -> bytes:
    return flac_declaring(encoded(speech[:16_000], kind="FLAC"), DECLARED)


def _long_ogg(speech: Speech) -> bytes:
    return ogg_declaring(encoded(speech[:16_000], kind="OGG", subtype="VORBIS"), DECLARED)


_NOISE = np.random.default_rng(0).bytes(100_000)
ONE_PIXEL_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)
NO_AUDIO = {
    "0 bytes": b"", "zip": _zip(), "png": ONE_PIXEL_PNG,
    "text": b"This is no recording.\n" * 50, "random bytes": _NOISE,
    "random bytes behind the mark of flac": b"fLaC" + _NOISE,
    "half a wav header": encoded(np.zeros(9, np.int16))[:20],
}  # fmt: skip
BAD_IDS: dict[str, Parameter] = {
    "with a space": "two words", "with a line feed": "two\nlines", "of 10 kB": "x" * 10_000,
    "empty": "", "with a path": "../../etc/passwd", "with a control character": "a\x07b",
    "that is a number": 7,
}  # fmt: skip
BAD_PARAMETERS: dict[str, tuple[str, dict[str, Parameter]]] = {
    "min_speakers above max_speakers":
        ("got min_speakers 3 > max_speakers 2", {"min_speakers": 3, "max_speakers": 2}),
    "num_speakers above max_speakers":
        ("'num_speakers': got", {"num_speakers": 5, "max_speakers": 2}),
    "unknown parameter": ("'speakers' is unknown", {"speakers": 2}),
    "unknown mode": ("'mode': got", {"mode": "fast"}),
    "exclusive that is text": ("'exclusive': got", {"exclusive": "yes"}),
    "unknown choice of channels": ("'channels': got", {"channels": "left"}),
}  # fmt: skip
BAD_VALUES = {np.nan: "finite", np.inf: "finite", -np.inf: "finite", 1e30: "magnitude 1e+30"}

REFUSED: tuple[Case, ...] = (
    *(_file("not audio", name, partial(_always, content), NOT_AUDIO)
      for name, content in NO_AUDIO.items()),
    *(_file("rate", f"wav, {hz} Hz", partial(encoded, rate_hz=hz),
            refused("AUDIO: got", "sample rate", f"{hz} Hz"))
      for hz in (1, 100, 2_000_000)),
    _file("decompression bomb", "flac of a second that declares 11 hours", _long_flac, TOO_LONG),
    _file("decompression bomb", "ogg of a second that declares 11 hours", _long_ogg, TOO_LONG),
    _file("decompression bomb", "flac of 11 hours of silence in 140 kB",
          lambda _: flac_of_silence(DECLARED // 65_535, 65_535), TOO_LONG),
    # Blocks of 16 384 samples in 14 bytes each are not suspicious.
    _file("decompression bomb", "flac of 13 hours, above the limit",
          lambda _: flac_of_silence(13 * HOUR // 16_384, 16_384), TOO_LONG),
    _tensors("inputs", "both input and AUDIO", ONE_INPUT,
             lambda speech: [_floats(speech[None]), files_tensor(encoded(speech))]),
    _tensors("inputs", "neither input nor AUDIO", ONE_INPUT, lambda _: []),
    _tensors("inputs", "two files in AUDIO", REFUSED_BY_TRITON,
             lambda speech: [files_tensor(*[encoded(speech)] * 2)]),
    _tensors("inputs", "no file in AUDIO", REFUSED_BY_TRITON, lambda _: [files_tensor()]),
    _changed("inputs", "an input of another name", name="WAV"),
    _tensors("inputs", "the same input twice", REFUSED_BY_TRITON,
             lambda speech: [_floats(speech[None])] * 2),
    *(_changed("type", f"input as {datatype}", datatype=datatype)
      for datatype in ("FP64", "INT16", "FP16", "BYTES")),
    _tensors("type", "AUDIO as UINT8", REFUSED_BY_TRITON,
             lambda speech: [Tensor("AUDIO", "UINT8", [len(encoded(speech))], encoded(speech))]),
    _samples("shape", "input of rank 1", REFUSED_BY_TRITON, lambda speech: speech),
    _samples("shape", "input of rank 3", REFUSED_BY_TRITON, lambda speech: speech[None, None]),
    _samples("shape", "input [samples, 1], axes exchanged", WRONG_AXES,
             lambda speech: speech[:, None]),
    _changed("shape", "input without channels", WRONG_AXES, shape=[0, 16_000], content=b""),
    _changed("shape", "input with fewer bytes than its shape declares", shape=[1, 10**9]),
    _tensors("shape", "AUDIO shorter than the length before it", REFUSED_BY_TRITON,
             _longer_than_it_is),
    *(case for value, word in BAD_VALUES.items() for case in _cases_with_value(value, word)),
    *(_good(f"recording_id {name}", refused("'recording_id': got"), recording_id=value)
      for name, value in BAD_IDS.items()),
    *(_good(f"num_speakers {value!r}", refused("'num_speakers': got"), num_speakers=value)
      for value in (0, -1, 10**9, "two", 2.0, True)),
    *(_good(name, refused(words), **parameters)
      for name, (words, parameters) in BAD_PARAMETERS.items()),
    _file("parameters", "65 separate channels", lambda speech: _channels(65, speech[:1]),
          refused("'channels': got 'separate'"), channels="separate"),
)  # fmt: skip

CASES = (*ANSWERED, *REFUSED)
