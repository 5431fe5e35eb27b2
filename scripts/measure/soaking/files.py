"""Audio files that a soak sends: of every format, damaged, and with headers that lie."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from measure.benchmarking.audio import SAMPLE_RATE_HZ, InputError, load

Speech = NDArray[np.int16]
"""shape=(n_samples,), mono at 16 kHz; or shape=(n_samples, n_channels)."""

EXCERPT_S = (17, 30)  # of the sample: both speakers, and enough windows to count them reliably
UNKNOWN_SIZE = 0xFFFFFFFF  # what a program writes that cannot seek back to the header
FLAC_SAMPLES = slice(21, 26)  # number of samples: low four bits of byte 21, and bytes 22 to 25
OGG_GRANULE, OGG_CRC = slice(6, 14), slice(22, 26)


def load_speech(path: Path) -> Speech:
    """Read a recording as 16-bit samples; InputError if it is missing or cannot be read."""
    if not path.is_file():
        raise InputError(f"{path} is missing; run ./scripts/setup.sh")
    return np.round(load(path) * 32768).clip(-32768, 32767).astype(np.int16)


def excerpt(speech: Speech) -> Speech:
    """Cut out 13 seconds, so that many requests take little time; InputError if too short."""
    begin, end = (SAMPLE_RATE_HZ * each_s for each_s in EXCERPT_S)
    if len(speech) < end:
        length_s = len(speech) / SAMPLE_RATE_HZ
        raise InputError(f"got a recording of {length_s:.1f} s, expected {EXCERPT_S[1]} s")
    return speech[begin:end]


def encoded(
    speech: NDArray[Any], rate_hz: int = SAMPLE_RATE_HZ, kind: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """Encode samples, (n,) or (n, n_channels), integers or floats in [-1, 1], with libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, speech, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def resampled(speech: Speech, rate_hz: int) -> bytes:
    """Encode as a wav file of another sample rate."""
    return encoded(soxr.resample(speech, SAMPLE_RATE_HZ, rate_hz), rate_hz)


def as_floats(speech: Speech) -> NDArray[np.float32]:
    """Convert to floats in [-1, 1)."""
    return (speech / 32768).astype(np.float32)


def in_channels(speech: Speech, n_channels: int) -> Speech:
    """Copy into every channel, shape (n, n_channels)."""
    return np.repeat(speech[:, None], n_channels, axis=1)


def wav_declaring(wav: bytes, n_bytes: int) -> bytes:
    """Change the number of bytes of samples in a wav header, in both places."""
    at = wav.index(b"data") + 4
    riff_bytes = min(n_bytes + at - 4, UNKNOWN_SIZE) if n_bytes else 0
    sizes = [size.to_bytes(4, "little") for size in (riff_bytes, n_bytes)]
    return wav[:4] + sizes[0] + wav[8:at] + sizes[1] + wav[at + 4 :]


def flac_declaring(flac: bytes, n_samples: int) -> bytes:
    """Change the number of samples in a FLAC file's STREAMINFO; 0 means unknown."""
    total = n_samples.to_bytes(5, "big")
    first = flac[FLAC_SAMPLES.start] & 0xF0 | total[0]
    return flac[: FLAC_SAMPLES.start] + bytes([first]) + total[1:] + flac[FLAC_SAMPLES.stop :]


def ogg_declaring(ogg: bytes, n_samples: int) -> bytes:
    """Change the sample at which an Ogg file's last page ends."""
    at = ogg.rindex(b"OggS")
    page = bytearray(ogg[at:])
    page[OGG_GRANULE] = n_samples.to_bytes(8, "little")
    page[OGG_CRC] = bytes(4)
    page[OGG_CRC] = crc(page, 0x04C11DB7, 32).to_bytes(4, "little")
    return ogg[:at] + bytes(page)


def crc(content: bytes | bytearray, polynomial: int, n_bits: int) -> int:
    """Cyclic redundancy check, most significant bit first, starting at 0."""
    remainder, top = 0, 1 << (n_bits - 1)
    for byte in content:
        remainder ^= byte << (n_bits - 8)
        for _ in range(8):
            remainder = (remainder << 1) ^ (polynomial if remainder & top else 0)
        remainder &= (1 << n_bits) - 1
    return remainder


def flac_of_silence(n_blocks: int, block_samples: int) -> bytes:
    """A FLAC file of silence, 16 kHz, in 13 bytes and more per block of up to 65 535 samples.

    Layout from RFC 9639: STREAMINFO, then frames of one constant subframe each.
    """
    size = block_samples.to_bytes(2, "big")
    # 20 bits rate, 3 bits channels - 1, 5 bits depth - 1, 36 bits number of samples
    packed = (SAMPLE_RATE_HZ << 44) | (15 << 36) | (n_blocks * block_samples)
    info = size + size + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    frames = b"".join(_silent_frame(number, block_samples) for number in range(n_blocks))
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + frames


def _silent_frame(number: int, block_samples: int) -> bytes:
    # Size of the block behind the frame's number; 16 kHz; one channel; 16 bits.
    coded_number = chr(number).encode("utf-8", errors="surrogatepass")
    header = b"\xff\xf8\x75\x08" + coded_number + (block_samples - 1).to_bytes(2, "big")
    header += bytes([crc(header, 0x07, 8)])
    frame = header + bytes(3)  # a constant subframe, and its value
    return frame + crc(frame, 0x8005, 16).to_bytes(2, "big")


def mov_of_one_chunk(declared_s: int, chunk_s: int, n_chunks: int, codec: bytes = b"ulaw") -> bytes:
    """A QuickTime film of 8 kHz mu-law whose chunks are all the same bytes.

    Whatever length it declares, it decodes to `chunk_s * n_chunks` seconds. Layout from ISO/IEC
    14496-12.
    """
    rate_hz = 8000
    head = _box(b"ftyp", b"qt  \0\0\0\0")
    sound = _box(b"mdat", bytes(range(256)) * (chunk_s * rate_hz // 256 + 1))
    length, n_samples = declared_s * rate_hz, chunk_s * rate_hz * n_chunks
    entry = _box(codec, _numbers("LHHHHLHHHHL", 0, 0, 1, 0, 0, 0, 1, 16, 0, 0, rate_hz << 16))
    offset = len(head) + 8
    table = [
        _box(b"stsd", _numbers("LL", 0, 1) + entry),
        _box(b"stts", _numbers("LLLL", 0, 1, n_samples, 1)),
        _box(b"stsz", _numbers("LLL", 0, 1, n_samples)),
        _box(b"stsc", _numbers("LLLLL", 0, 1, 1, chunk_s * rate_hz, 1)),
        _box(b"stco", _numbers("LL", 0, n_chunks) + _numbers("L", offset) * n_chunks),
    ]
    media = [
        _box(b"mdhd", _numbers("LLLLLHH", 0, 0, 0, rate_hz, length, 0, 0)),
        _box(b"hdlr", _numbers("LL", 0, 0) + b"soun" + bytes(13)),
        _box(b"minf", _box(b"smhd", bytes(8)), _box(b"stbl", *table)),
    ]
    track = _box(b"tkhd", _numbers("LLLLLL", 1, 0, 0, 1, 0, length) + bytes(60))
    movie = _box(b"mvhd", _numbers("LLLLL", 0, 0, 0, rate_hz, length) + bytes(80))
    return head + sound + _box(b"moov", movie, _box(b"trak", track, _box(b"mdia", *media)))


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return _numbers("L", len(body) + 8) + kind + body


def _numbers(kinds: str, *values: int) -> bytes:
    return struct.pack(f">{kinds}", *values)
