"""Files of hours in a few kilobytes.

A FLAC whose frames are all valid: one value, told once per block. Layout from RFC 9639: STREAMINFO,
then frames of one constant subframe each. A QuickTime film whose chunks are all the same bytes;
layout from ISO/IEC 14496-12.
"""

import struct

from diarization.arrays import SAMPLE_RATE_HZ

_RATE_CODE = 0b0101  # 16 kHz
_BITS_CODE = 0b100  # 16 bits
_BLOCK_CODE = 0b0111  # the block's size stands behind the frame's number, in 16 bits
_CRC8 = (0x07, 8)  # polynomial, bits
_CRC16 = (0x8005, 16)


def flac_of_silence(n_blocks: int, block_samples: int) -> bytes:
    """A file of `n_blocks` blocks of silence, 16 kHz, mono, 16 bits.

    Parameters
    ----------
    n_blocks : int
        Any number.
    block_samples : int
        Up to 65535; a block takes 13 bytes and more.
    """
    frames = b"".join(_frame(number, block_samples) for number in range(n_blocks))
    return b"fLaC" + _stream_info(n_blocks * block_samples, block_samples) + frames


def _stream_info(n_samples: int, block_samples: int) -> bytes:
    size = block_samples.to_bytes(2, "big")
    # 20 bits rate, 3 bits channels - 1, 5 bits depth - 1, 36 bits number of samples
    packed = (SAMPLE_RATE_HZ << 44) | (0 << 41) | (15 << 36) | n_samples
    body = size + size + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"\x80" + len(body).to_bytes(3, "big") + body


def _frame(number: int, block_samples: int) -> bytes:
    header = b"\xff\xf8" + bytes([_BLOCK_CODE << 4 | _RATE_CODE, _BITS_CODE << 1])
    header += _utf8(number) + (block_samples - 1).to_bytes(2, "big")
    header += _crc(header, *_CRC8)
    frame = header + b"\x00" + bytes(2)  # a constant subframe, and its value
    return frame + _crc(frame, *_CRC16)


def _utf8(number: int) -> bytes:
    """Frame numbers are written as UTF-8 writes characters, surrogates too."""
    return chr(number).encode("utf-8", errors="surrogatepass")


def _crc(content: bytes, polynomial: int, n_bits: int) -> bytes:
    crc, top = 0, 1 << (n_bits - 1)
    for byte in content:
        crc ^= byte << (n_bits - 8)
        for _ in range(8):
            crc = ((crc << 1) ^ (polynomial if crc & top else 0)) & ((1 << n_bits) - 1)
    return crc.to_bytes(n_bits // 8, "big")


def mov_of_one_chunk(declared_s: int, chunk_s: int, n_chunks: int, codec: bytes = b"ulaw") -> bytes:
    """A film of 8 kHz mu-law whose chunks are all the same bytes.

    Whatever length it declares, it decodes to `chunk_s * n_chunks` seconds.
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
