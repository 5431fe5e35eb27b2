"""Who talks in each frame: chunk-local speakers and window embeddings, brought together.

Windows say who talks, but not to the frame and not where two talk; chunks say to the frame that
somebody talks, but not who. Each local speaker of a chunk is given to the cluster that the windows
under its solo frames point to, two speakers of one chunk never to the same cluster.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from .arrays import Evidence, Posteriors, Windows
from .segmentation import POWERSET, Segmentation, frame_centres, frames_of
from .stage_options import FrameOptions


def window_evidence(windows: Windows, shares: Evidence, n_frames: int, reach: int) -> Evidence:
    """Spread what windows say over the frames around their middles.

    Parameters
    ----------
    windows
        shape=(n, 2), samples from the start of the block; sorted.
    shares
        shape=(n, n_speakers), rows add up to one.
    reach
        Samples from a window's middle at which its triangular weight has fallen to zero.

    Returns
    -------
    Evidence
        shape=(n_frames, n_speakers); a frame that no window reaches has that of the nearest one.
    """
    if len(windows) == 0:
        return np.full((n_frames, shares.shape[1]), 1 / shares.shape[1], np.float32)
    centres, middles = frame_centres(n_frames), windows.mean(axis=1)
    first, last = np.searchsorted(centres, [middles - reach, middles + reach])
    counts = last - first
    frame = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    window = np.repeat(np.arange(len(windows)), counts)
    weight = 1 - np.abs(centres[frame] - middles[window]) / reach
    spread = csr_array((weight, (frame, window)), shape=(n_frames, len(windows)))
    total = spread.sum(axis=1)
    reached = total > 0
    evidence = np.empty((n_frames, shares.shape[1]), np.float32)
    evidence[reached] = (spread @ shares)[reached] / total[reached, None]
    half_way = (middles[1:] + middles[:-1]) / 2
    evidence[~reached] = shares[np.searchsorted(half_way, centres[~reached])]
    return evidence


def chunk_evidence(
    segmentation: Segmentation, by_windows: Evidence, options: FrameOptions
) -> Evidence:
    """Probability that each speaker talks, by the chunks' local speakers given to clusters."""
    evidence = np.zeros_like(by_windows)
    for frames, posteriors in segmentation.overlaps():
        talks = np.zeros((len(POWERSET), evidence.shape[1]), np.float32)
        for local, speaker in assigned(posteriors, by_windows[frames], options):
            talks[:, speaker] = np.maximum(talks[:, speaker], POWERSET[:, local])
        evidence[frames] += posteriors @ talks
    return evidence / np.maximum(segmentation.covering(), 1)[:, None]


def assigned(
    posteriors: Posteriors, by_windows: Evidence, options: FrameOptions
) -> list[tuple[int, int]]:
    """Pairs (local speaker, cluster) of one chunk.

    Parameters
    ----------
    posteriors
        shape=(n_frames, 7).
    by_windows
        shape=(n_frames, n_speakers).
    """
    talks = POWERSET[posteriors.argmax(axis=1)].astype(bool)
    n_least = max(1, frames_of(options.least_active_s))
    active = np.flatnonzero(talks.sum(axis=0) >= n_least)
    if len(active) == 0:
        return []
    alone = talks.sum(axis=1) == 1
    picture = np.stack([_mean_where(by_windows, talks[:, n], alone) for n in active])
    rows, columns = linear_sum_assignment(-picture)
    clusters = picture.argmax(axis=1)  # local speakers in excess of the clusters
    clusters[rows] = columns
    return list(zip(active.tolist(), clusters.tolist(), strict=True))


def _mean_where(
    evidence: Evidence, talks: NDArray[np.bool_], alone: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Mean evidence where a local speaker talks, alone if ever."""
    solo = talks & alone
    mean: NDArray[np.float32] = evidence[solo if solo.any() else talks].mean(axis=0)
    return mean
