"""FLAC files of hours in a few kilobytes, every frame valid: one value, told once per block.

Layout from RFC 9639: STREAMINFO, then frames of one constant subframe each.
"""

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
