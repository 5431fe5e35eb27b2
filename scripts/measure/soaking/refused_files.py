"""Files that are no audio, or far more of it than they look like."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from measure.soaking.asking import Request, audio_request
from measure.soaking.audio import Speech
from measure.soaking.bombs import flac_of_silence
from measure.soaking.case import Case, by_file
from measure.soaking.files import encoded, flac_saying, ogg_saying
from measure.soaking.verdicts import Refused

SEED = 0
N_NOISE_BYTES = 100_000
HOUR = 3600 * 16_000  # samples
DECLARED = 11 * HOUR  # less than the service takes of an honest file, 12 hours
TOO_LONG = 13 * HOUR
LONG_BLOCK, BOMB_BLOCK = 16_384, 65_535  # samples; in 14 bytes, so the first makes no bomb
QUICKLY_S = 5.0  # on a busy machine; nothing is decoded
NOT_AUDIO = Refused(("AUDIO: got", "wav, flac, ogg or mp3"))
NOT_SO_LONG = Refused(("AUDIO: got",), within_s=QUICKLY_S)


def refused_files() -> Iterator[Case]:
    """All of them."""
    yield from _no_audio()
    yield from _rates()
    yield from _bombs()


def _no_audio() -> Iterator[Case]:
    noise = np.random.default_rng(SEED).bytes(N_NOISE_BYTES)
    contents = {
        "0 bytes": b"",
        "zip": _zip(),
        "png": _png(),
        "text": b"This is no recording.\n" * 50,
        "random bytes": noise,
        "random bytes behind the mark of flac": b"fLaC" + noise,
        "half a wav header": encoded(np.zeros(9, np.int16))[:20],
    }
    for name, content in contents.items():
        yield Case("not audio", name, partial(_file, content), NOT_AUDIO)


def _rates() -> Iterator[Case]:
    for rate_hz in (1, 100, 2_000_000):
        expected = Refused(("AUDIO: got", "sample rate", f"{rate_hz} Hz"))
        yield by_file("rate", f"wav, {rate_hz} Hz", partial(_of_rate, rate_hz), expected)


def _bombs() -> Iterator[Case]:
    yield by_file("bomb", "flac of a second that tells 11 hours", _flac_telling, NOT_SO_LONG)
    yield by_file("bomb", "ogg of a second that tells 11 hours", _ogg_telling, NOT_SO_LONG)
    bomb = partial(_silence, DECLARED, BOMB_BLOCK)
    yield by_file("bomb", "flac of 11 hours of silence in 140 kB", bomb, NOT_SO_LONG)
    too_long = partial(_silence, TOO_LONG, LONG_BLOCK)
    yield by_file("bomb", "flac of 13 hours, above the limit", too_long, NOT_SO_LONG)


def _file(content: bytes, _: Speech) -> Request:
    return audio_request(content)


def _of_rate(rate_hz: int, speech: Speech) -> bytes:
    return encoded(speech, rate_hz)


def _flac_telling(speech: Speech) -> bytes:
    return flac_saying(encoded(speech[:16_000], kind="FLAC"), DECLARED)


def _ogg_telling(speech: Speech) -> bytes:
    return ogg_saying(encoded(speech[:16_000], kind="OGG", subtype="VORBIS"), DECLARED)


def _silence(n_samples: int, block_samples: int, _: Speech) -> bytes:
    return flac_of_silence(n_samples // block_samples, block_samples)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("recording.wav", bytes(1000))
    return file.getvalue()


def _png() -> bytes:
    """A picture of one grey pixel."""
    header = bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])
    pixel = zlib.compress(b"\x00\x80")
    chunks = ((b"IHDR", header), (b"IDAT", pixel), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + crc
