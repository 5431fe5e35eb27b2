"""Segments -> windows: pieces of one fixed length (Kaldi: subsegments).

Each window gets one speaker embedding.
"""

import numpy as np

from .arrays import Segments, Windows, samples_of
from .stage_options import WindowOptions


def subsegment(segments: Segments, options: WindowOptions) -> Windows:
    """Cut segments into overlapping windows.

    A segment no longer than a window is one window, as long as the segment. In a longer one a
    window starts every `hop_s` and the last one is shifted back to end with the segment, so that
    all have the full length.

    Returns
    -------
    Windows
        Sorted; the windows of a segment cover it without gaps.
    """
    length, hop = samples_of(options.length_s), samples_of(options.hop_s)
    pieces = [_windows_of(begin, end, length, hop) for begin, end in segments.tolist()]
    return np.concatenate(pieces) if pieces else np.empty((0, 2), np.int64)


def _windows_of(begin: int, end: int, length: int, hop: int) -> Windows:
    if end - begin <= length:
        return np.array([[begin, end]], np.int64)
    starts = np.append(np.arange(begin, end - length, hop, dtype=np.int64), end - length)
    return np.stack([starts, starts + length], axis=1)
