"""Embeddings -> labels: which windows belong to one speaker."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from .arrays import Embeddings, Evidence, Labels
from .spectral import spectral_labels
from .stage_options import ClusterOptions, SpeakerBounds


def cluster(embeddings: Embeddings, bounds: SpeakerBounds, options: ClusterOptions) -> Labels:
    """Group windows by speaker.

    Parameters
    ----------
    embeddings
        shape=(n, dim); n may be 0.
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
    chosen = evenly_spaced(n_windows, options.most_windows)
    some = unit[chosen]
    labels = spectral_labels(some, bounds, options)
    labels = join_alike(some, labels, bounds.minimum, options.join_distance)
    if len(chosen) == n_windows:
        return labels
    everywhere = np.argmax(unit @ centroids_of(some, labels).T, axis=1)
    everywhere[chosen] = labels
    return everywhere


def evenly_spaced(n: int, most: int) -> NDArray[np.int64]:
    """At most `most` of the numbers 0 ... n-1, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


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


def join_alike(unit: Embeddings, labels: Labels, fewest: int, max_distance: float) -> Labels:
    """Join clusters whose windows are as alike as those of one speaker, the most alike first.

    Spectral clustering sees only neighbours, so it splits a speaker whose speech falls into dense
    groups (repeated audio above all); how far the groups are apart it cannot see.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one.
    labels
        Clusters 0 ... k-1, none empty.
    fewest
        Number of clusters below which nothing is joined.
    max_distance
        Clusters are joined up to this average cosine distance of their windows.
    """
    joined = labels.copy()
    for n_clusters in range(int(labels.max()) + 1, fewest, -1):
        sums = np.stack([unit[joined == label].sum(axis=0) for label in range(n_clusters)])
        sizes = np.bincount(joined)
        likeness = sums @ sums.T / np.outer(sizes, sizes)
        np.fill_diagonal(likeness, -np.inf)
        kept, gone = np.sort(np.unravel_index(np.argmax(likeness), likeness.shape))
        if 1 - likeness[kept, gone] > max_distance:
            break
        joined[joined == gone] = kept
        joined[joined == n_clusters - 1] = gone  # the last number fills the hole
    return joined
