"""Spectral clustering on a sparse graph: affinity -> Laplacian -> eigengap -> k-means.

Source: von Luxburg, "A Tutorial on Spectral Clustering" (2007), with the unnormalised Laplacian and
the number of clusters by the largest eigengap. Memory grows linearly with the number of windows:
the graph keeps a bounded number of edges per window and only a few eigenvectors are computed.
"""

from inspect import signature

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import vq
from scipy.linalg import eigh
from scipy.sparse import csr_array, identity
from scipy.sparse.csgraph import connected_components, laplacian
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist

from .arrays import Embeddings, Labels
from .stage_options import ClusterOptions, SpeakerBounds

ROWS_AT_ONCE = 512  # rows of the dense affinity matrix that exist at one time
DENSE_UP_TO = 512  # a full decomposition is faster up to this size
K_MEANS_STARTS = 10
K_MEANS_STEPS = 300  # at most, of one start
TRIAL_GAIN = 1e-3  # a start is judged when a step lowers its inertia by no more than this share
EIGSH_TAKES_RNG = "rng" in signature(eigsh).parameters  # since scipy 1.17

Vectors = NDArray[np.float64]


def spectral_labels(unit: Embeddings, bounds: SpeakerBounds, options: ClusterOptions) -> Labels:
    """Cluster unit-length embeddings.

    Parameters
    ----------
    unit
        shape=(n, dim), n >= 2, rows of length one.
    bounds
        Allowed number of clusters.

    Returns
    -------
    Labels
        As many different ones as `bounds` and the eigengap say.
    """
    graph = affinity_graph(unit, n_neighbours(len(unit), options))
    n_searched = min(bounds.maximum, max(2, len(unit) // options.windows_per_speaker))
    n_pairs = min(len(unit), max(n_searched, bounds.minimum) + 1)
    values, vectors = smallest_eigenpairs(graph, n_pairs)
    k = bounds.clip(count_by_eigengap(values), len(unit))
    return k_means(vectors[:, :k], k, options.seed)


def n_neighbours(n_windows: int, options: ClusterOptions) -> int:
    """Edges to keep per window."""
    wanted = round(options.neighbour_ratio * n_windows)
    return min(max(wanted, options.min_neighbours), options.max_neighbours, n_windows - 1)


def affinity_graph(unit: Embeddings, n_edges: int) -> csr_array:
    """Symmetric graph of cosine affinities, negative ones as 0.

    Every row is joined to the `n_edges` other rows most similar to it.
    """
    n = len(unit)
    columns = np.empty((n, n_edges), np.int64)
    weights = np.empty((n, n_edges), np.float64)
    for first in range(0, n, ROWS_AT_ONCE):
        rows = np.arange(first, min(first + ROWS_AT_ONCE, n))
        affinity = unit[rows] @ unit.T
        affinity[np.arange(len(rows)), rows] = -np.inf
        columns[rows] = np.argpartition(-affinity, n_edges - 1, axis=1)[:, :n_edges]
        weights[rows] = np.take_along_axis(affinity, columns[rows], axis=1)
    row_ends = np.arange(n + 1) * n_edges
    directed = csr_array((np.maximum(weights, 0).ravel(), columns.ravel(), row_ends), shape=(n, n))
    return csr_array((directed + directed.T) / 2)


def smallest_eigenpairs(graph: csr_array, n_pairs: int) -> tuple[NDArray[np.float64], Vectors]:
    """Smallest eigenvalues of the graph's Laplacian D - A, and their eigenvectors in columns.

    The Laplacian has one block per connected component, so its spectrum is that of the blocks
    together. Taking them one by one is exact where a single iteration would have to find one
    eigenvalue (zero) several times over.
    """
    graph.eliminate_zeros()
    _, component = connected_components(graph, directed=False)
    values, vectors = [], []
    for number in range(component.max() + 1):
        members = np.flatnonzero(component == number)
        block = csr_array(laplacian(graph[members][:, members]))
        block_values, block_vectors = _block_eigenpairs(block, min(n_pairs, len(members)))
        values.append(block_values)
        vectors += [(members, column) for column in block_vectors.T]
    joined = np.concatenate(values)
    order = np.argsort(joined, kind="stable")[:n_pairs]
    columns = np.zeros((graph.shape[0], len(order)))
    for position, pair in enumerate(order):
        members, column = vectors[pair]
        columns[members, position] = column
    return joined[order], columns


def _block_eigenpairs(block: csr_array, n_pairs: int) -> tuple[NDArray[np.float64], Vectors]:
    size = block.shape[0]
    if size <= DENSE_UP_TO:
        return eigh(block.toarray(), subset_by_index=(0, n_pairs - 1))
    # The smallest eigenvalues of L are the largest of cI - L, which Lanczos finds without
    # factorising anything.
    bound = 2 * float(block.diagonal().max())  # Gershgorin
    fixed = np.random.default_rng(0)  # also where the iteration has to start anew
    flipped, vectors = eigsh(
        bound * identity(size, format="csr") - block,
        k=n_pairs,
        which="LA",
        v0=fixed.standard_normal(size),
        ncv=4 * n_pairs,
        **({"rng": fixed} if EIGSH_TAKES_RNG else {}),
    )
    return bound - flipped, vectors


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
