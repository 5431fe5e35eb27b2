"""Windows with their features, in batches as the speaker model takes them."""

from collections.abc import Iterator
from dataclasses import dataclass

from .arrays import Features, Samples, Windows, samples_of
from .fbank import fbank, n_frames_of, window_features
from .ports import Stopwatch


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
    samples: Samples, windows: Windows, plan: WindowPlan, stopwatch: Stopwatch
) -> Iterator[WindowBatch]:
    """Windows of a block with their features.

    Parameters
    ----------
    samples
        The block's audio.
    windows
        shape=(n, 2), each at least one frame (400 samples) long.
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
