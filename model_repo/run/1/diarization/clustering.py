"""Embeddings -> labels: which windows belong to one speaker."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from .arrays import Embeddings, Evidence, Labels
from .joining import greatest_likeness, join, little_lost, mean_cosine, voice_likeness
from .spectral import spectral_labels
from .stage_options import MAX_SPEAKERS_CEILING, ClusterOptions, SpeakerBounds

PARTS_AT_ONCE = 32  # whose groups are joined together: time and memory grow with their square


def cluster(embeddings: Embeddings, bounds: SpeakerBounds, options: ClusterOptions) -> Labels:
    """Group windows by speaker.

    Parameters
    ----------
    embeddings
        shape=(n, dim), in order of time; n may be 0.
    bounds
        Allowed number of speakers; never more than there are windows.

    Returns
    -------
    Labels
        shape=(n,), numbers from 0 with none left out.
    """
    n_windows = len(embeddings)
    most = bounds.clip(bounds.maximum, n_windows)
    if most <= 1:
        return np.zeros(n_windows, np.int64)
    unit = unit_length(embeddings)
    if n_windows < options.few_windows:
        return agglomerative_labels(unit, bounds, options.join_distance)
    labels = join(unit, voices(unit, options), little_lost, -np.inf, fewest=most)
    fewest = bounds.clip(1, n_windows)
    return labels if labels.max() + 1 >= fewest else so_many_voices(unit, labels, fewest, options)


def voices(unit: Embeddings, options: ClusterOptions) -> Labels:
    """Group windows by voice, stretch by stretch, and join the groups of one voice.

    A graph of a whole recording finds a speaker the worse the longer the recording is, since it
    holds ever more windows of others that are as near by chance. In a stretch of a minute or two
    nobody is drowned, and what is alike is found again across the stretches by its mean.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one, in order of time.
    """
    n_stretches = round(len(unit) / options.stretch_windows)
    if n_stretches <= 1:
        labels = spectral_labels(unit, options)
        labels = join(unit, labels, mean_cosine, 1 - options.join_distance)
    else:
        parts: list[Labels] = []
        for part in np.array_split(unit, min(n_stretches, PARTS_AT_ONCE)):
            first = parts[-1].max() + 1 if parts else 0
            parts.append(voices(part, options) + first)
        labels = np.concatenate(parts)
    labels = join(unit, labels, voice_likeness, options.same_voice)
    if n_stretches > 1:
        labels = without_singles(unit, labels)
    return join(unit, labels, little_lost, -np.inf, fewest=MAX_SPEAKERS_CEILING)


def without_singles(unit: Embeddings, labels: Labels) -> Labels:
    """Give windows that are alone in their group to the group they are most like.

    One odd window can be a cough, and the longer a recording is, the more of them it has.
    """
    sizes = np.bincount(labels)
    kept = np.flatnonzero(sizes > 1)
    if len(kept) in (0, len(sizes)):
        return labels
    nearest = kept[np.argmax(unit @ centroids_of(unit, labels)[kept].T, axis=1)]
    _, renumbered = np.unique(np.where(sizes[labels] > 1, labels, nearest), return_inverse=True)
    return renumbered


def so_many_voices(
    unit: Embeddings, labels: Labels, n_voices: int, options: ClusterOptions
) -> Labels:
    """Group windows by voice where more are known to talk than were found.

    A graph that is cut once more tends to cut a voice in two. That is worse than one voice less, so
    the cut must have parted voices; else the windows that are least like the voices found become
    voices of their own, one each.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one, in order of time.
    labels
        shape=(n,), the voices found; n >= n_voices > their number.
    """
    if round(len(unit) / options.stretch_windows) <= 1:
        cut = spectral_labels(unit, options, n_voices)
        if greatest_likeness(unit, cut, voice_likeness) < options.same_voice:
            return cut
    more = labels.copy()
    alike = (unit @ centroids_of(unit, labels).T).max(axis=1)
    for label in range(int(labels.max()) + 1, n_voices):
        shared = np.bincount(more)[more] > 1
        odd = np.argmin(np.where(shared, alike, np.inf))
        more[odd] = label
        alike = np.maximum(alike, unit @ unit[odd])
    return more


def unit_length(embeddings: Embeddings) -> Embeddings:
    """Rows scaled to length one; a row of zeros stays as it is."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, np.finfo(np.float32).tiny)


def centroids_of(unit: Embeddings, labels: Labels) -> Embeddings:
    """Mean direction of every cluster 0 ... k-1, shape=(k, dim), rows of length one."""
    return unit_length(np.stack([unit[labels == k].sum(axis=0) for k in range(labels.max() + 1)]))


def closeness(unit: Embeddings, centroids: Embeddings, sharpness: float) -> Evidence:
    """Softmax over the speakers of the cosine similarity of each window to their centroids.

    Parameters
    ----------
    unit, centroids
        shape=(n_windows, dim) and (n_speakers, dim), rows of length one.
    """
    scores = sharpness * (unit @ centroids.T)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Evidence = odds / odds.sum(axis=1, keepdims=True)
    return shares


def agglomerative_labels(unit: Embeddings, bounds: SpeakerBounds, max_distance: float) -> Labels:
    """Average-linkage clustering by cosine distance, as far as `bounds` allow.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one.
    max_distance
        Clusters are joined up to this average distance.
    """
    distances = np.clip(1.0 - unit @ unit.T, 0.0, 2.0).astype(np.float64)
    merges = linkage(squareform(distances, checks=False), method="average")
    n_apart = 1 + np.count_nonzero(merges[:, 2] > max_distance)
    n_speakers = bounds.clip(n_apart, len(unit))
    return labels_after(merges[: len(unit) - n_speakers], len(unit))


def labels_after(merges: NDArray[np.float64], n: int) -> Labels:
    """Clusters of n points after some merges, numbered from 0.

    Parameters
    ----------
    merges
        shape=(m < n, 4), first rows of scipy's linkage matrix: row i joins the clusters named in
        its first two columns to cluster n + i; 0 ... n-1 are the points.

    Returns
    -------
    Labels
        n - m different ones, also where distances are equal: there `fcluster` gives fewer, and
        `cut_tree` does not keep the order of the merges.
    """
    clusters = np.arange(n)
    for joined, (one, other) in enumerate(merges[:, :2], start=n):
        clusters[(clusters == one) | (clusters == other)] = joined
    _, labels = np.unique(clusters, return_inverse=True)
    return labels
