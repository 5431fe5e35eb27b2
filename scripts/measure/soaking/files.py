"""Encoded files of every kind, good and damaged."""

import io
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from diarization.arrays import SAMPLE_RATE_HZ
from measure.soaking.audio import Speech

UNKNOWN_SIZE = 0xFFFFFFFF  # what a program writes that cannot go back to the header, as into a pipe
_FLAC_TOTAL = slice(21, 26)  # low four bits of byte 21, and bytes 22 to 25: number of samples
_OGG_PAGE = b"OggS"
_OGG_GRANULE, _OGG_CRC = slice(6, 14), slice(22, 26)
_OGG_POLYNOMIAL = 0x04C11DB7


def encoded(
    speech: NDArray[Any], rate_hz: int = SAMPLE_RATE_HZ, kind: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """Encode samples, (n,) or (n, n_channels), integers or floats in [-1, 1], by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, speech, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def at_rate(speech: Speech, rate_hz: int) -> Speech:
    """Resample from 16 kHz."""
    return soxr.resample(speech, SAMPLE_RATE_HZ, rate_hz)


def as_floats(speech: Speech) -> NDArray[np.float32]:
    """The same samples in [-1, 1)."""
    return (speech / 32768).astype(np.float32)


def in_channels(speech: Speech, n_channels: int) -> Speech:
    """The same in every channel, shape (n, n_channels)."""
    return np.repeat(speech[:, None], n_channels, axis=1)


def beside_silence(speech: Speech) -> Speech:
    """Two channels, nothing in the second."""
    return np.stack([speech, np.zeros_like(speech)], axis=1)


def cut(file: bytes, share: float) -> bytes:
    """The first `share` of the bytes."""
    return file[: round(share * len(file))]


def wav_saying(wav: bytes, n_bytes: int) -> bytes:
    """A wav file whose header tells another number of bytes of samples, in both places."""
    at = wav.index(b"data") + 4
    riff_bytes = min(n_bytes + at - 4, UNKNOWN_SIZE) if n_bytes else 0
    told = n_bytes.to_bytes(4, "little")
    return wav[:4] + riff_bytes.to_bytes(4, "little") + wav[8:at] + told + wav[at + 4 :]


def flac_saying(flac: bytes, n_samples: int) -> bytes:
    """A FLAC file whose STREAMINFO tells another number of samples; 0 stands for unknown."""
    rest_of_byte = flac[_FLAC_TOTAL.start] & 0xF0
    total = n_samples.to_bytes(5, "big")
    told = bytes([rest_of_byte | total[0]]) + total[1:]
    return flac[: _FLAC_TOTAL.start] + told + flac[_FLAC_TOTAL.stop :]


def ogg_saying(ogg: bytes, n_samples: int) -> bytes:
    """An Ogg file whose last page tells that it ends at another sample."""
    at = ogg.rindex(_OGG_PAGE)
    page = bytearray(ogg[at:])
    page[_OGG_GRANULE] = n_samples.to_bytes(8, "little")
    page[_OGG_CRC] = bytes(4)
    page[_OGG_CRC] = _ogg_crc(page).to_bytes(4, "little")
    return ogg[:at] + bytes(page)


def _ogg_crc(page: bytes | bytearray) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (_OGG_POLYNOMIAL if crc & 0x80000000 else 0)
        crc &= UNKNOWN_SIZE
    return crc
