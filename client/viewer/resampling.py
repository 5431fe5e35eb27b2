"""Samples at another rate, and in blocks of another length."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (n_samples,), 1.0 is full scale


def in_blocks_of(n: int, blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Cut the same samples into blocks of `n`; the last may be shorter."""
    held: list[Samples] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        while n_held >= n:
            joined = np.concatenate(held)
            yield joined[:n]
            held, n_held = [joined[n:]], n_held - n
    if n_held:
        yield np.concatenate(held)


def resampled(blocks: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    """Yield the samples at another rate, in blocks.

    Parameters
    ----------
    blocks : Iterable[Samples]
        Samples at `from_hz`.
    from_hz, to_hz : int
        Rates. The answer lasts as long, rounded to one sample; what lies above half the lower
        rate is lost.
    """
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
