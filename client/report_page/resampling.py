"""Resampling block by block with numpy alone, by cutting the spectrum of overlapping windows."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (n_samples,), 1.0 is full scale

_HOP_S = 10
_MARGIN_S = 1  # on either side: a window's ends disturb each other, since its spectrum is circular


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
    margin = np.zeros(_MARGIN_S * from_hz, dtype=np.float32)
    before, now = margin, None
    for after in in_blocks_of(_HOP_S * from_hz, blocks):
        if now is not None:
            yield _hop(before, now, after, from_hz, to_hz)
            before = now[-len(margin) :]
        now = after
    if now is not None:
        yield _hop(before, now, margin[:0], from_hz, to_hz)


def _hop(before: Samples, now: Samples, after: Samples, from_hz: int, to_hz: int) -> Samples:
    """Resample `now`, given its neighbours."""
    n_margin, n_window = _MARGIN_S * from_hz, (_HOP_S + 2 * _MARGIN_S) * from_hz
    window = np.zeros(n_window, dtype=np.float32)
    known = np.concatenate([before, now, after[:n_margin]])
    window[: len(known)] = known
    n_out = n_window // from_hz * to_hz
    spectrum = np.fft.rfft(window)[: min(n_window, n_out) // 2 + 1]
    out = np.fft.irfft(spectrum, n_out) * (n_out / n_window)
    start = _MARGIN_S * to_hz
    return out[start : start + round(len(now) * to_hz / from_hz)].astype(np.float32)
