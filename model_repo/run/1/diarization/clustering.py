"""Embeddings -> labels: which windows belong to one speaker."""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from .arrays import Embeddings, Labels
from .config import ClusterOptions, SpeakerBounds
from .spectral import spectral_labels


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
        return agglomerative_labels(unit, bounds, options.few_distance)
    return spectral_labels(unit, bounds, options)


def unit_length(embeddings: Embeddings) -> Embeddings:
    """Rows scaled to length one; a row of zeros stays as it is."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, np.finfo(np.float32).tiny)


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
    tree = AgglomerativeClustering(
        n_clusters=None, distance_threshold=max_distance, metric="precomputed", linkage="average"
    ).fit(distances)
    n_speakers = bounds.clip(tree.n_clusters_, len(unit))
    exact = AgglomerativeClustering(n_clusters=n_speakers, metric="precomputed", linkage="average")
    return np.asarray(exact.fit_predict(distances), np.int64)
