"""The graph and its spectrum against brute force on small cases."""

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
    k_means,
    smallest_eigenpairs,
    spectral_labels,
)
from unit.planted_speakers import planted, same_partition
from unit.seeded import seeded


def random_graph(n, seed=0):
    """Weights in (0, 1), about half of them none."""
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
def test_a_number_that_is_told_is_met(k):
    embeddings, truth = planted(4, 60)
    labels = spectral_labels(unit_length(embeddings), ClusterOptions(), k)

    assert sorted(set(labels.tolist())) == list(range(k))
    assert k != 4 or same_partition(labels, truth)
