"""Spectral clustering of few windows: affinity graph -> Laplacian -> eigengap -> k-means.

Source: von Luxburg, "A Tutorial on Spectral Clustering" (2007), with the unnormalised Laplacian and
the number of clusters by the largest eigengap.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2, vq
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from .arrays import Embeddings, Labels
from .options import ClusterOptions

K_MEANS_STARTS = 10
K_MEANS_STEPS = 30  # of each start; a handful is enough for few windows

Vectors = NDArray[np.float64]


def spectral_labels(unit: Embeddings, options: ClusterOptions, k: int | None = None) -> Labels:
    """Cluster unit-length embeddings.

    Parameters
    ----------
    unit
        shape=(n, dim), n >= 2, rows of length one. Time grows with the cube of n.
    k
        Number of clusters, at most n; None for as many as the eigengap says.

    Returns
    -------
    Labels
        Numbers from 0, none left out.
    """
    n_searched = max(2, len(unit) // options.windows_per_speaker)
    n_pairs = k or min(len(unit), n_searched + 1)
    values, vectors = smallest_eigenpairs(affinity_graph(unit, options.neighbours), n_pairs)
    k = k or count_by_eigengap(values)
    return k_means(vectors[:, :k], k, options.seed)


def affinity_graph(unit: Embeddings, n_edges: int) -> Vectors:
    """Symmetric matrix of cosine affinities, shape=(n, n), negative ones as 0.

    Every row is joined to the `n_edges` other rows most similar to it, or to all there are.
    """
    affinity = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(affinity, -np.inf)
    n_edges = min(n_edges, len(unit) - 1)
    columns = np.argpartition(-affinity, n_edges - 1, axis=1)[:, :n_edges]
    directed = np.zeros_like(affinity)
    nearest = np.take_along_axis(affinity, columns, axis=1)
    np.put_along_axis(directed, columns, np.maximum(nearest, 0), axis=1)
    graph: Vectors = (directed + directed.T) / 2
    return graph


def smallest_eigenpairs(graph: Vectors, n_pairs: int) -> tuple[Vectors, Vectors]:
    """Smallest eigenvalues of the graph's Laplacian D - A, and their eigenvectors in columns."""
    laplacian = np.diag(graph.sum(axis=1)) - graph
    values, vectors = eigh(laplacian, subset_by_index=(0, n_pairs - 1))
    return values, vectors


def count_by_eigengap(values: NDArray[np.float64]) -> int:
    """Number of clusters: as many as there are eigenvalues before the largest gap."""
    return 1 + int(np.argmax(np.diff(values))) if len(values) > 1 else 1


def k_means(points: Vectors, k: int, seed: int) -> Labels:
    """Labels of exactly `k` clusters, also where points (shape=(n >= k, dims)) coincide."""
    if k == 1:
        return np.zeros(len(points), np.int64)
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        # Fewer different points than clusters.
        warnings.filterwarnings("ignore", "One of the clusters is empty")
        centroids = (
            kmeans2(points, points[spread(points, k, rng)], K_MEANS_STEPS, minit="matrix")[0]
            for _ in range(K_MEANS_STARTS)
        )
        found = [vq(points, each) for each in centroids]
    labels, _ = min(found, key=lambda each: float(np.square(each[1]).sum()))
    return fill_empty(labels.astype(np.int64), k)


def spread(points: Vectors, k: int, rng: np.random.Generator) -> list[int]:
    """Choose `k` rows to start from, far from each other, by greedy k-means++.

    Each is the best of a few drawn in proportion to their squared distance to those before. Source:
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (2007), section 7.
    """
    n_drawn = 2 + int(np.log(k))
    chosen = [int(rng.integers(len(points)))]
    nearest = np.square(points - points[chosen]).sum(axis=1)
    while len(chosen) < k:
        weights = nearest / nearest.sum() if nearest.any() else None
        drawn = rng.choice(len(points), n_drawn, p=weights)
        distances = np.minimum(nearest, cdist(points[drawn], points, "sqeuclidean"))
        best = int(distances.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        nearest = distances[best]
    return chosen


def fill_empty(labels: Labels, k: int) -> Labels:
    """Labels with each of 0 ... k-1 in use.

    An unused one takes the last member of the largest cluster.
    """
    filled = labels.copy()
    for label in range(k):
        counts = np.bincount(filled, minlength=k)
        if counts[label] == 0:
            filled[np.flatnonzero(filled == np.argmax(counts))[-1]] = label
    return filled
