"""Speakers whom clustering overlooks: those who say a sentence or two in a long recording.

They have too few windows to be a cluster of a graph, so their windows end up with others. But a
window in which somebody talks alone and that is like none of the speakers found has another one's
voice: on windows of 1 s, 99.5 % of a speaker's own are more alike to the speaker's mean than 0.4.
"""

import numpy as np

from .arrays import Embeddings, Shares, Windows
from .clustering import agglomerative_labels, centroids_of
from .segmentation import Segmentation, frames_within
from .stage_options import FrameOptions, SpeakerBounds

SOLO_SHARE = 0.8  # of a window, from which it counts as one speaker's; a mixed one is like nobody
MOST_WINDOWS = 2000  # are compared with one another; of more, evenly spaced ones
LEAST_WINDOWS = 2  # one odd window can be a cough
LEAST_SHARE = 0.005  # of all windows: the longer the recording, the more odd ones come together


def solo_shares(segmentation: Segmentation, windows: Windows) -> Shares:
    """How much of each window one and the same person talks alone.

    Parameters
    ----------
    windows
        shape=(n, 2), samples from the start of the block; sorted.

    Returns
    -------
    Shares
        Mean over the chunks that hold the whole window; 0 where none does.
    """
    first, last = frames_within(windows, segmentation.n_frames)
    shares, n_chunks = np.zeros(len(windows)), np.zeros(len(windows))
    for frames, posteriors in segmentation.overlaps():
        inside = (first >= frames.start) & (last <= frames.stop)
        begins, ends = first[inside] - frames.start, last[inside] - frames.start
        alone = np.concatenate([np.zeros((1, 3)), np.cumsum(posteriors[:, 1:4], axis=0)])
        lengths = np.maximum(ends - begins, 1)[:, None]
        shares[inside] += ((alone[ends] - alone[begins]) / lengths).max(axis=1)
        n_chunks[inside] += 1
    return shares / np.maximum(n_chunks, 1)


def unlike_share(unit: Embeddings, known: Embeddings, solo: Shares, least: float) -> float:
    """Share of the windows of one voice each that are like none of the speakers found.

    Parameters
    ----------
    unit, known, solo
        As of `strangers`.
    least
        Cosine to a speaker from which a window is like the speaker's.

    Returns
    -------
    float
        0 to 1, to four digits; a single window does not count.
    """
    heard = unit[solo >= SOLO_SHARE]
    n_unlike = np.count_nonzero((heard @ known.T).max(axis=1, initial=-1) < least)
    return round(n_unlike / len(heard), 4) if n_unlike >= LEAST_WINDOWS else 0.0


def strangers(
    unit: Embeddings, known: Embeddings, solo: Shares, frames: FrameOptions, most: int
) -> Embeddings:
    """Centroids of speakers who are not among the known ones.

    Parameters
    ----------
    unit
        shape=(n_windows, dim), rows of length one.
    known
        shape=(n_speakers, dim), centroids of the speakers found so far.
    solo
        shape=(n_windows,), see `solo_shares`.
    most
        Number of speakers there may be in all.

    Returns
    -------
    Embeddings
        shape=(n_found, dim), rows of length one; n_found may be 0.
    """
    alike = (unit @ known.T).max(axis=1)
    odd = unit[(solo >= SOLO_SHARE) & (alike < frames.stranger_similarity)]
    least = max(LEAST_WINDOWS, round(LEAST_SHARE * len(unit)))
    room = most - len(known)
    if room < 1 or len(odd) < least:
        return np.empty((0, unit.shape[1]), np.float32)
    some = odd[np.linspace(0, len(odd) - 1, min(len(odd), MOST_WINDOWS)).astype(np.int64)]
    labels = agglomerative_labels(some, SpeakerBounds(), frames.join_distance)
    enough = max(LEAST_WINDOWS, round(least * len(some) / len(odd)))
    sizes = np.bincount(labels)
    largest = np.argsort(-sizes, kind="stable")[:room]
    return centroids_of(some, labels)[np.sort(largest[sizes[largest] >= enough])]
