"""Spectral clustering of few windows: affinity graph -> Laplacian -> eigengap -> k-means.

Source: von Luxburg, "A Tutorial on Spectral Clustering" (2007), with the unnormalised Laplacian and
the number of clusters by the largest eigengap.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import vq
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from .arrays import Embeddings, Labels
from .options import ClusterOptions

K_MEANS_STARTS = 10
K_MEANS_STEPS = 300  # at most, of one start
TRIAL_GAIN = 1e-3  # a start is judged when a step lowers its inertia by no more than this share

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
    """Labels of exactly `k` clusters, also where points (shape=(n >= k, dims)) coincide.

    Of several starts the best is followed to its end. Memory is linear in n.
    """
    if k == 1:
        return np.zeros(len(points), np.int64)
    rng = np.random.default_rng(seed)
    starts = [spread_centres(points, k, rng) for _ in range(K_MEANS_STARTS)]
    trials = [descent(points, start, TRIAL_GAIN) for start in starts]
    _, centres, _ = min(trials, key=lambda trial: trial[2])
    return fill_empty(descent(points, centres, 0)[0], k)


def spread_centres(points: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    """`k` of the points, far from each other.

    A point is drawn the likelier the farther (squared) it is from all centres so far; the best of
    several draws is taken. Source: Arthur and Vassilvitskii, "k-means++" (2007).
    """
    n_draws = 2 + int(np.log(k))
    centres = points[rng.integers(len(points), size=1)]
    nearest = cdist(centres, points, "sqeuclidean")[0]
    for _ in range(1, k):
        summed = np.cumsum(nearest)
        drawn = points[np.searchsorted(summed, summed[-1] * rng.random(n_draws))]
        left = np.minimum(nearest, cdist(drawn, points, "sqeuclidean"))
        best = np.argmin(left.sum(axis=1))
        centres, nearest = np.vstack([centres, drawn[best]]), left[best]
    return centres


def descent(points: Vectors, centres: Vectors, least_gain: float) -> tuple[Labels, Vectors, float]:
    """Lloyd's algorithm: points to the nearest centre, centres to the mean of their points.

    Parameters
    ----------
    points, centres
        shape=(n, dims) and (k, dims).
    least_gain
        A step that lowers the inertia by no more than this share is the last.

    Returns
    -------
    labels, centres, inertia
        The inertia is the sum of the squared distances to the nearest centre.
    """
    inertia = np.inf
    for _ in range(K_MEANS_STEPS):
        labels, distances = vq(points, centres)
        before, inertia = inertia, float(distances @ distances)
        if inertia >= (1 - least_gain) * before:
            break
        centres = means_of(points, labels, centres)
    return labels.astype(np.int64), centres, inertia


def means_of(points: Vectors, labels: Labels, centres: Vectors) -> Vectors:
    """Mean of the points of each label; one without points keeps its centre."""
    n, k = len(points), len(centres)
    member = csr_array((np.ones(n), labels, np.arange(n + 1)), shape=(n, k))
    sizes = np.bincount(labels, minlength=k)[:, None]
    return np.where(sizes > 0, member.T @ points / np.maximum(sizes, 1), centres)


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
