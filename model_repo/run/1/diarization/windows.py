"""Segments -> windows: pieces of one fixed length (Kaldi: subsegments).

Each window gets one speaker embedding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .arrays import Features, Samples, Segments, Windows, samples_of
from .fbank import n_frames_of, window_features
from .measurements import Stopwatch
from .options import WindowOptions


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


@dataclass(frozen=True)
class WindowBatch:
    """Windows that go to the speaker model together.

    Attributes
    ----------
    windows
        shape=(n, 2), in samples from the start of the block.
    features
        shape=(n, n_frames, 80).
    """

    windows: Windows
    features: Features


@dataclass(frozen=True)
class WindowPlan:
    """How windows become features and batches.

    Attributes
    ----------
    length_s
        Length of a window; a shorter one is repeated up to it.
    analysis
        Analysis window of the features.
    at_once
        Windows per batch.
    """

    length_s: float
    analysis: str
    at_once: int


def window_batches(
    samples: Samples,
    windows: Windows,
    plan: WindowPlan,
    fbank: Callable[[Samples, str], Features],
    stopwatch: Stopwatch,
) -> Iterator[WindowBatch]:
    """Windows of a block with their features.

    Parameters
    ----------
    samples
        The block's audio.
    windows
        shape=(n, 2), each at least one frame (400 samples) long.
    fbank
        Computes the features of the block, as `fbank.fbank` does.
    """
    if len(windows) == 0:
        return
    with stopwatch("fbank"):
        features = fbank(samples, plan.analysis)
    n_frames = n_frames_of(samples_of(plan.length_s))
    for first in range(0, len(windows), plan.at_once):
        chosen = windows[first : first + plan.at_once]
        with stopwatch("fbank"):
            batch = WindowBatch(chosen, window_features(features, chosen, n_frames))
        yield batch
