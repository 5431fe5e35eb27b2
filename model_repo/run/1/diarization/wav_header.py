"""Wav files whose writer never came back to say how long they are.

A pipe or a recorder that was cut off leaves the sizes of the RIFF chunks as they were at the start.
libsndfile takes 0xFFFFFFFF, or more than there is, for "to the end", but 0 for "nothing".

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991).
"""

from collections.abc import Iterator

CHUNK_HEADER_BYTES = 8  # four characters, size as uint32
FIRST_CHUNK = 12  # after "RIFF", its size, and "WAVE"
TO_THE_END = b"\xff\xff\xff\xff"


def empty_size_place(encoded: bytes) -> int | None:
    """Place of the four bytes that wrongly call the samples of a wav file empty.

    Parameters
    ----------
    encoded
        A file of any kind.

    Returns
    -------
    int or None
        Offset of the size of chunk `data`, where it is 0 although samples follow; None for any
        other file. What reads as another chunk that fits the file is none.
    """
    for name, start, n_bytes in _chunks(encoded):
        if name == b"data":
            follows = encoded[start : start + CHUNK_HEADER_BYTES]
            samples_follow = bool(follows) and not _fits(follows, len(encoded) - start)
            return start - 4 if n_bytes == 0 and samples_follow else None
    return None


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and stated size of every RIFF chunk of a wav file."""
    if encoded[:4] != b"RIFF" or encoded[8:FIRST_CHUNK] != b"WAVE":
        return
    header = FIRST_CHUNK
    while header + CHUNK_HEADER_BYTES <= len(encoded):
        start = header + CHUNK_HEADER_BYTES
        n_bytes = int.from_bytes(encoded[start - 4 : start], "little")
        yield encoded[header : header + 4], start, n_bytes
        header = start + n_bytes + n_bytes % 2  # chunks start at even offsets


def _fits(header: bytes, n_left: int) -> bool:
    """Whether the bytes are the header of a chunk that ends within the `n_left` bytes left."""
    name, n_bytes = header[:4], int.from_bytes(header[4:], "little")
    printable = name.isascii() and name.decode("ascii").isprintable()
    return len(header) == CHUNK_HEADER_BYTES and printable and n_bytes + len(header) <= n_left
