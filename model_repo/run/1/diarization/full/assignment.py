"""Speakers -> frames -> turns: chunk-local speakers and window embeddings, combined.

Windows identify speakers, but neither to the frame nor under overlap; chunks place speech to the
frame, but do not identify speakers. Each local speaker of a chunk is assigned to the cluster that
the windows under its solo frames point to, two speakers of one chunk never to the same cluster.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from ..arrays import Evidence, Posteriors, Windows, samples_of
from ..options import FrameOptions
from ..request import RequestOptions
from ..turns import Turn
from .activity import (
    Stretch,
    activity_stretches,
    cut_out,
    decide,
    joined_turns,
    one_at_a_time,
    pauses_filled,
    without_blips,
)
from .blocks import FrameBlock
from .segmentation import POWERSET, Segmentation, frame_centres, frames_of


def window_evidence(windows: Windows, shares: Evidence, n_frames: int, reach: int) -> Evidence:
    """Spread the windows' shares over the frames around their middles.

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
    """Probability that each speaker talks, by the chunks' local speakers assigned to clusters."""
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
    """Mean evidence where a local speaker talks alone, or talks at all if never alone."""
    solo = talks & alone
    mean: NDArray[np.float32] = evidence[solo if solo.any() else talks].mean(axis=0)
    return mean


def assign_turns(
    blocks: list[FrameBlock], shares: Evidence, frames: FrameOptions, asked: RequestOptions
) -> list[Turn]:
    """Turns of the whole recording; labels are columns of `shares`.

    Parameters
    ----------
    shares
        shape=(n_windows, n_speakers) for the windows of all blocks in order.
    asked
        A cluster that is nowhere the likeliest is left out. If fewer speakers than the minimum
        remain, such a cluster gets the middle of its best window.
    """
    by_block = np.split(shares, np.cumsum([len(block.windows) for block in blocks])[:-1])
    stretches = [
        stretch
        for block, own in zip(blocks, by_block, strict=True)
        for stretch in block_stretches(block, own, frames, asked.exclusive)
    ]
    if len(speakers_in(stretches)) < asked.speakers.minimum:
        middle = samples_of(frames.window_hop_s)
        own = [middle_of(window, middle) for window in best_windows(blocks, shares)]
        stretches = with_minimum_speakers(stretches, own, asked)
    return joined_turns(stretches)


def with_minimum_speakers(
    stretches: list[Stretch], own: list[Stretch], asked: RequestOptions
) -> list[Stretch]:
    """Stretches of at least the minimum number of speakers: those left out get their own window."""
    while len(heard := speakers_in(stretches)) < asked.speakers.minimum:
        missing = next((window for window in own if window.speaker not in heard), None)
        if missing is None:
            break
        if asked.exclusive:
            stretches = cut_out(stretches, missing.begin, missing.end)
        stretches = [*stretches, missing]
    return stretches


def speakers_in(stretches: list[Stretch]) -> set[int]:
    """Labels of the speakers who have a stretch."""
    return {stretch.speaker for stretch in stretches}


def best_windows(blocks: list[FrameBlock], shares: Evidence) -> list[Stretch]:
    """The best window of each speaker, no two the same; the surest first."""
    windows = np.concatenate([block.windows + block.offset for block in blocks])
    best = [
        Stretch(
            int(windows[row, 0]), int(windows[row, 1]), int(speaker), float(shares[row, speaker])
        )
        for row, speaker in zip(*linear_sum_assignment(-shares), strict=True)
    ]
    return sorted(best, key=lambda stretch: -stretch.confidence)


def middle_of(stretch: Stretch, n_samples: int) -> Stretch:
    """The middle part of a stretch; all of it where that is shorter."""
    margin = max(0, stretch.end - stretch.begin - n_samples) // 2
    return stretch._replace(begin=stretch.begin + margin, end=stretch.end - margin)


def block_stretches(
    block: FrameBlock, shares: Evidence, frames: FrameOptions, exclusive: bool
) -> list[Stretch]:
    """Stretches of every speaker in one block, at most one speaker at a time if `exclusive`."""
    if not block.speech.any():
        return []
    reach = samples_of(frames.reach_s)
    by_windows = window_evidence(block.windows, shares, len(block.speech), reach)
    by_chunks = chunk_evidence(block.segmentation, by_windows, frames)
    evidence = (by_chunks + frames.window_weight * by_windows) / (1 + frames.window_weight)
    most = 1 if exclusive else np.inf
    active = decide(evidence, np.minimum(block.expected_count, most), block.speech)
    active = without_blips(active, evidence, frames_of(frames.least_turn_s))
    active = pauses_filled(active, frames_of(frames.turn_fill_s))
    if exclusive:
        active = one_at_a_time(active, evidence)
    return activity_stretches(active, evidence, block.offset, block.n_samples)
