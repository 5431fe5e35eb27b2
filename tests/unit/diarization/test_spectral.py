"""The graph, its spectrum and k-means, against brute force on small cases."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag

from diarization.clustering import unit_length
from diarization.options import ClusterOptions
from diarization.spectral import (
    affinity_graph,
    count_by_eigengap,
    fill_empty,
    k_means,
    smallest_eigenpairs,
    spectral_labels,
)
from unit.planted_speakers import planted, same_partition
from unit.seeded import seeded


def random_graph(n, seed=0):
    """Weights in (0, 1), about half of them zero."""
    weights = np.random.default_rng(seed).uniform(-1, 1, (n, n)).clip(0)
    np.fill_diagonal(weights, 0)
    return (weights + weights.T) / 2


@pytest.mark.parametrize("n_pairs", [1, 2, 7, 40])
def test_eigenpairs_are_those_of_the_laplacian(n_pairs):
    graph = random_graph(40)
    laplacian = np.diag(graph.sum(axis=1)) - graph
    values, vectors = smallest_eigenpairs(graph, n_pairs)

    assert values == pytest.approx(np.linalg.eigvalsh(laplacian)[:n_pairs], abs=1e-9)
    assert np.abs(laplacian @ vectors - vectors * values).max() < 1e-9
    assert np.abs(vectors.T @ vectors - np.eye(n_pairs)).max() < 1e-9


def test_same_graph_same_eigenpairs_to_the_byte():
    first, second = (smallest_eigenpairs(random_graph(90), 5) for _ in range(2))

    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_a_graph_in_pieces_has_as_many_clusters_as_pieces(k):
    graph = block_diag(*[np.ones((size, size)) - np.eye(size) for size in range(6, 6 + k)])
    values, vectors = smallest_eigenpairs(graph, min(12, len(graph)))

    truth = np.repeat(np.arange(k), np.arange(6, 6 + k))
    assert count_by_eigengap(values) == k
    assert same_partition(k_means(vectors[:, :k], k, seed=0), truth)


@pytest.mark.parametrize(
    ("values", "k"),
    [
        ([0.0], 1),
        ([0.0, 3.0], 1),
        ([0.0, 0.1, 3.0, 3.5], 2),
        ([0.0, 0.0, 0.0, 2.0, 2.5], 3),
        ([0.0, 0.0, 0.0], 1),
    ],
)
def test_clusters_are_counted_up_to_the_largest_gap(values, k):
    assert count_by_eigengap(np.array(values)) == k


def test_affinity_of_four_windows_by_hand():
    unit = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)
    graph = affinity_graph(unit, 1)

    # nearest: 0 -> 1 (0.8), 1 -> 2 (0.96), 2 -> 1 (0.96), 3 -> 2 (-0.6, so 0)
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 0] = 0.4
    wanted[1, 2] = wanted[2, 1] = 0.96
    assert graph == pytest.approx(wanted, abs=1e-6)


@seeded(25)
@given(n=st.integers(2, 60), n_edges=st.integers(1, 59), seed=st.integers(0, 99))
def test_affinity_is_the_nearest_neighbours_made_symmetric(n, n_edges, seed):
    unit = unit_length(np.random.default_rng(seed).standard_normal((n, 16)).astype(np.float32))
    cosine = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(cosine, -np.inf)
    directed = np.zeros((n, n))
    for row in range(n):
        nearest = np.argsort(-cosine[row])[: min(n_edges, n - 1)]
        directed[row, nearest] = np.maximum(cosine[row, nearest], 0)

    graph = affinity_graph(unit, n_edges)
    assert graph == pytest.approx((directed + directed.T) / 2, abs=1e-5)


def test_the_eigengap_looks_no_further_than_windows_per_speaker_says():
    embeddings, _ = planted(10, 60)
    unit = unit_length(embeddings)
    few = spectral_labels(unit, ClusterOptions(windows_per_speaker=20))
    many = spectral_labels(unit, ClusterOptions(windows_per_speaker=6))

    assert len(set(few.tolist())) <= 3
    assert len(set(many.tolist())) == 10


@pytest.mark.parametrize("k", [1, 3, 4, 7, 60])
def test_a_given_number_of_clusters_is_met(k):
    embeddings, truth = planted(4, 60)
    labels = spectral_labels(unit_length(embeddings), ClusterOptions(), k)

    assert sorted(set(labels.tolist())) == list(range(k))
    assert k != 4 or same_partition(labels, truth)


def blobs(k, n, dims, *, noise=0.2, seed=0):
    """Points around k corners of a cube, and which corner."""
    rng = np.random.default_rng(seed)
    corners = np.array(list(product([-1.0, 1.0], repeat=dims)))
    truth = rng.permutation(np.arange(n) % k)
    points = rng.permutation(corners)[truth] + noise * rng.standard_normal((n, dims))
    return points, truth


def inertia(points, labels):
    """Sum of the squared distances to the mean of one's cluster."""
    groups = (points[labels == label] for label in np.unique(labels))
    return sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize(
    ("k", "n", "dims"), [(1, 50, 1), (2, 50, 1), (2, 2, 3), (4, 900, 2), (20, 20, 6), (30, 900, 6)]
)
def test_planted_clusters_are_found(k, n, dims, seed):
    points, truth = blobs(k, n, dims)
    labels = k_means(points, k, seed)

    assert same_partition(labels, truth)
    assert set(labels.tolist()) == set(range(k))


@seeded(30)
@given(n=st.integers(2, 7), k=st.integers(1, 3), dims=st.integers(1, 3), seed=st.integers(0, 99))
def test_no_partition_of_few_points_has_less_inertia(n, k, dims, seed):
    k = min(k, n)
    points = np.random.default_rng(seed).standard_normal((n, dims))
    least = min(inertia(points, np.array(labels)) for labels in product(range(k), repeat=n))

    assert inertia(points, k_means(points, k, seed)) == pytest.approx(least)


def test_same_seed_same_labels_to_the_byte_and_the_points_stay():
    points = np.random.default_rng(0).standard_normal((400, 5))
    before = points.copy()
    first, second = (k_means(each, 9, seed=3) for each in (points, points.copy()))

    assert first.tobytes() == second.tobytes()
    assert points.tobytes() == before.tobytes()


def test_memory_grows_linearly_with_the_number_of_points():
    n, k = 20_000, 4
    points, _ = blobs(k, n, 3)

    tracemalloc.start()
    k_means(points, k, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * k * 8 * n, "not a matrix of all pairs of points"


@pytest.mark.parametrize("k", [1, 2, 5, 12])
@pytest.mark.parametrize("spots", [[0.0], [0.1, 0.7], [0.1, 0.2, 0.3]])
@pytest.mark.parametrize("dims", [1, 3, 12])
def test_exactly_k_clusters_where_points_coincide(k, spots, dims):
    points = np.resize(spots, 12)[:, None] * np.ones((1, dims))
    labels = k_means(points, k, seed=0)

    assert sorted(set(labels.tolist())) == list(range(k))
    assert labels.dtype == np.int64


def test_an_unused_label_takes_the_last_of_the_largest_cluster():
    labels = np.array([0, 0, 0, 3, 0])

    assert fill_empty(labels, 4).tolist() == [0, 0, 2, 3, 1]
    assert labels.tolist() == [0, 0, 0, 3, 0], "the argument stays as it was"


@seeded()
@given(st.data())
def test_filled_labels_use_every_number_and_move_no_more_than_needed(data):
    k = data.draw(st.integers(1, 12))
    labels = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=k, max_size=40)))
    filled = fill_empty(labels, k)

    assert set(filled.tolist()) == set(range(k))
    assert (filled != labels).sum() == k - len(set(labels.tolist()))
