"""Files that libsndfile cannot read: m4a, webm, and a film that decompresses to hours."""

from fractions import Fraction

import av
import numpy as np

from measure.soaking.files import mov_of_one_chunk

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
    """Noise loud enough to survive a codec, int16."""
    return (np.random.default_rng(0).standard_normal(n_samples) * 3000).astype(np.int16)


def write_mov(path, declared_s, chunk_s, n_chunks, codec=b"ulaw"):
    """Write `mov_of_one_chunk` as a file; returns the path."""
    path.write_bytes(mov_of_one_chunk(declared_s, chunk_s, n_chunks, codec))
    return path
