"""Windows of the whole recording -> one centroid per speaker.

Clustering misses speakers who say a sentence or two in a long recording: they have too few windows
for a cluster of their own. But a window with one voice that is unlike every speaker found belongs
to another one: on windows of 1 s, 99.5 % have a cosine above 0.4 to their own speaker's mean.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Embeddings, Shares
from ..clustering import (
    LEAST_WINDOWS,
    SOLO_SHARE,
    agglomerative_labels,
    centroids_of,
    cluster,
    cut_once_more,
    odd_windows,
)
from ..options import FrameOptions, Options, SpeakerBounds
from .blocks import FrameBlock
from .segmentation import frames_of

TWO_AT_ONCE = 1.5  # expected number of speakers from which a frame counts as overlap
SURE_OVERLAP_S = 1.0  # least overlap that proves two speakers ...
SURE_OVERLAP_SHARE = 0.02  # ... if it is also this share of all speech
MOST_WINDOWS = 2000  # compared with one another; if there are more, an evenly spaced selection
LEAST_SHARE = 0.005  # of all windows, since longer recordings have more odd windows that are alike


class Heard(NamedTuple):
    """What is known of the windows of a recording, and of its speech, beside the embeddings.

    Attributes
    ----------
    shares, solo
        shape=(n_windows,), see `blocks.FrameBlock`.
    n_speech, n_overlap
        Frames with speech; those of them in which two speakers are expected.
    """

    shares: Shares
    solo: Shares
    n_speech: int
    n_overlap: int


def heard_in(blocks: list[FrameBlock]) -> Heard:
    """Collect what is known of the windows of all blocks, in order."""
    speech = [overlap_of(block.speech, block.expected_count) for block in blocks]
    n_speech, n_overlap = (sum(counts) for counts in zip(*speech, strict=True))
    shares, solo = ([getattr(each, name) for each in blocks] for name in ("shares", "solo"))
    return Heard(np.concatenate(shares), np.concatenate(solo), n_speech, n_overlap)


def overlap_of(speech: NDArray[np.bool_], expected_count: NDArray[np.float32]) -> tuple[int, int]:
    """Count the frames with speech, and those of them in which two speakers are expected."""
    return int(speech.sum()), int((expected_count[speech] >= TWO_AT_ONCE).sum())


def speaker_centroids(
    heard: Heard, unit: Embeddings, options: Options, speakers: SpeakerBounds
) -> Embeddings:
    """Mean directions of the windows of each speaker, missed ones included, shape=(k, dim).

    Parameters
    ----------
    unit
        shape=(n_windows, dim), rows of length one, in order of time.
    """
    frames = options.frames
    clustered = unit[heard.shares >= min(frames.cluster_share, heard.shares.max())]
    rules = replace(options.cluster, join_distance=frames.join_distance)
    bounds = bounds_with_overlap(heard, SpeakerBounds(1, speakers.maximum))
    labels = cluster(clustered, bounds, rules)
    found = centroids_of(clustered, labels)
    missed = missed_speakers(unit, found, heard.solo, frames, speakers.maximum)
    centroids = np.concatenate([found, missed])
    n_wanted = min(speakers.minimum, len(clustered))
    if len(centroids) >= n_wanted:
        return centroids
    if len(missed) == 0:
        cut = cut_once_more(clustered, n_wanted, rules)
        if cut is not None:
            return centroids_of(clustered, cut)
    similarity = (clustered @ centroids.T).max(axis=1)
    odd = odd_windows(clustered, labels, similarity, n_wanted - len(centroids))
    return np.concatenate([centroids, clustered[odd]])


def bounds_with_overlap(heard: Heard, speakers: SpeakerBounds) -> SpeakerBounds:
    """The same bounds, or with a minimum of two if two speakers clearly overlap."""
    if heard.n_overlap < max(frames_of(SURE_OVERLAP_S), SURE_OVERLAP_SHARE * heard.n_speech):
        return speakers
    return replace(speakers, minimum=min(max(speakers.minimum, 2), speakers.maximum))


def missed_speakers(
    unit: Embeddings, known: Embeddings, solo: Shares, frames: FrameOptions, most: int
) -> Embeddings:
    """Find speakers who are not among the known ones.

    Parameters
    ----------
    unit
        shape=(n_windows, dim), rows of length one.
    known
        shape=(n_speakers, dim), centroids of the speakers found so far.
    solo
        shape=(n_windows,), see `blocks.solo_shares`.
    most
        Largest allowed number of speakers, known ones included.

    Returns
    -------
    Embeddings
        Their centroids, shape=(n_found, dim), rows of length one; n_found may be 0.
    """
    similarity = (unit @ known.T).max(axis=1)
    odd = unit[(solo >= SOLO_SHARE) & (similarity < frames.stranger_similarity)]
    least = max(LEAST_WINDOWS, round(LEAST_SHARE * len(unit)))
    room = most - len(known)
    if room < 1 or len(odd) < least:
        return np.empty((0, unit.shape[1]), np.float32)
    compared = odd[np.linspace(0, len(odd) - 1, min(len(odd), MOST_WINDOWS)).astype(np.int64)]
    labels = agglomerative_labels(compared, SpeakerBounds(), frames.join_distance)
    enough = max(LEAST_WINDOWS, round(least * len(compared) / len(odd)))
    sizes = np.bincount(labels)
    largest = np.argsort(-sizes, kind="stable")[:room]
    return centroids_of(compared, labels)[np.sort(largest[sizes[largest] >= enough])]
