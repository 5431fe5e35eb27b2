"""Files that libsndfile cannot read: m4a and webm of given samples, and QuickTime by hand."""

import struct
from fractions import Fraction

import av
import numpy as np

KINDS = {"m4a": ("mp4", "aac"), "webm": ("webm", "libopus")}
RATE_HZ = 48_000  # one of the few that both codecs take


def write_media(path, samples, rate_hz=16_000):
    """Write int16 samples (n,) or (n, 2) as `path`, in the format of its ending; returns it."""
    layout = "mono" if samples.ndim == 1 else "stereo"
    container, codec = KINDS[path.suffix[1:]]
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE_HZ, layout=layout)
        frame_size = stream.codec_context.frame_size or None
        resampler = av.AudioResampler(stream.format.name, layout, RATE_HZ, frame_size)
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(resampled))
        file.mux(stream.encode(None))
    return path


def noise(n_samples):
    """Samples that a codec keeps something of, int16."""
    return (np.random.default_rng(0).standard_normal(n_samples) * 3000).astype(np.int16)


def write_mov(path, declared_s, chunk_s, n_chunks, codec="ulaw"):
    """Write 8 kHz mu-law whose chunks are all the same bytes of the file; returns the path.

    Whatever length it declares, it decodes to `chunk_s * n_chunks` seconds.
    """
    rate_hz = 8000
    head = _box("ftyp", b"qt  \0\0\0\0")
    sound = _box("mdat", bytes(range(256)) * (chunk_s * rate_hz // 256 + 1))
    length, n_samples = declared_s * rate_hz, chunk_s * rate_hz * n_chunks
    entry = _box(codec, _numbers("LHHHHLHHHHL", 0, 0, 1, 0, 0, 0, 1, 16, 0, 0, rate_hz << 16))
    offset = len(head) + 8
    table = [
        _box("stsd", _numbers("LL", 0, 1) + entry),
        _box("stts", _numbers("LLLL", 0, 1, n_samples, 1)),
        _box("stsz", _numbers("LLL", 0, 1, n_samples)),
        _box("stsc", _numbers("LLLLL", 0, 1, 1, chunk_s * rate_hz, 1)),
        _box("stco", _numbers("LL", 0, n_chunks) + _numbers("L", offset) * n_chunks),
    ]
    media = [
        _box("mdhd", _numbers("LLLLLHH", 0, 0, 0, rate_hz, length, 0, 0)),
        _box("hdlr", _numbers("LL", 0, 0) + b"soun" + bytes(13)),
        _box("minf", _box("smhd", bytes(8)), _box("stbl", *table)),
    ]
    track = _box("tkhd", _numbers("LLLLLL", 1, 0, 0, 1, 0, length) + bytes(60))
    movie = _box("mvhd", _numbers("LLLLL", 0, 0, 0, rate_hz, length) + bytes(80))
    path.write_bytes(head + sound + _box("moov", movie, _box("trak", track, _box("mdia", *media))))
    return path


def _box(kind, *content):
    body = b"".join(content)
    return _numbers("L", len(body) + 8) + kind.encode() + body


def _numbers(kinds, *values):
    return struct.pack(f">{kinds}", *values)
