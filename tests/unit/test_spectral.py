"""The graph and its spectrum against dense linear algebra on small cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import block_diag, csr_array

from diarization.clustering import unit_length
from diarization.spectral import (
    DENSE_UP_TO,
    ROWS_AT_ONCE,
    affinity_graph,
    count_by_eigengap,
    k_means,
    n_neighbours,
    smallest_eigenpairs,
    spectral_labels,
)
from diarization.stage_options import ClusterOptions, SpeakerBounds
from unit.planted_speakers import planted, same_partition
from unit.seeded import seeded


def random_graph(n, n_edges, seed=0):
    """A connected graph: a ring and random edges, weights in (0.1, 1)."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((n, n))
    here = np.repeat(np.arange(n), n_edges)
    there = np.concatenate([(np.arange(n) + 1) % n, rng.integers(0, n, n * (n_edges - 1))])
    dense[np.sort(here), there] = rng.uniform(0.1, 1, n * n_edges)
    dense[np.arange(n), (np.arange(n) + 1) % n] = 0.5
    np.fill_diagonal(dense, 0)
    return csr_array((dense + dense.T) / 2)


def brute_force(graph):
    """All eigenvalues of D - A and the matrix itself."""
    dense = graph.toarray()
    matrix = np.diag(dense.sum(axis=1)) - dense
    return np.linalg.eigvalsh(matrix), matrix


def check_pairs(graph, n_pairs):
    wanted, matrix = brute_force(graph)
    values, vectors = smallest_eigenpairs(graph, n_pairs)

    assert values == pytest.approx(wanted[:n_pairs], abs=1e-6)
    assert np.abs(matrix @ vectors - vectors * values).max() < 1e-5
    assert np.abs(vectors.T @ vectors - np.eye(n_pairs)).max() < 1e-6


@pytest.mark.parametrize("n_pairs", [1, 2, 7, 40])
def test_eigenpairs_of_a_connected_graph(n_pairs):
    check_pairs(random_graph(40, 5), n_pairs)


@pytest.mark.parametrize("n_pairs", [1, 2, 3, 4, 10, 65])
def test_eigenpairs_of_a_graph_in_pieces(n_pairs):
    parts = [random_graph(30, 4), random_graph(20, 3, 1), random_graph(14, 3, 2), np.zeros((1, 1))]
    shuffled = np.random.default_rng(3).permutation(65)
    graph = csr_array(csr_array(block_diag(parts))[shuffled][:, shuffled])

    check_pairs(graph, n_pairs)


@pytest.mark.parametrize("n_pairs", [1, 2, 6, 31])
def test_eigenpairs_of_a_graph_too_large_for_a_full_decomposition(n_pairs):
    check_pairs(random_graph(DENSE_UP_TO + 100, 8), n_pairs)


def test_eigenpairs_of_large_planted_blocks():
    n, rng = 3 * (DENSE_UP_TO + 40), np.random.default_rng(0)
    parts = [random_graph(n // 3, 10, seed) for seed in range(3)]
    graph = block_diag(parts).tolil()
    for here, there in rng.integers(0, n, (15, 2)):  # few weak bridges between the blocks
        if here != there:
            graph[here, there] = graph[there, here] = 0.05
    graph = csr_array(graph)

    check_pairs(graph, 6)
    values, _ = smallest_eigenpairs(graph, 12)
    assert count_by_eigengap(values) == 3


def complete_graph(n):
    return csr_array(np.ones((n, n)) - np.eye(n))


@pytest.mark.parametrize("make", [lambda n: random_graph(n, 4), complete_graph])
def test_same_graph_same_eigenpairs_to_the_byte(make):
    first, second = (smallest_eigenpairs(make(DENSE_UP_TO + 8), 5) for _ in range(2))

    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]


def test_eigenpairs_of_a_large_complete_graph():
    check_pairs(complete_graph(DENSE_UP_TO + 8), 4)


def test_eigenpairs_of_a_graph_without_edges():
    values, vectors = smallest_eigenpairs(csr_array((5, 5)), 3)

    assert values.tolist() == [0, 0, 0]
    assert vectors.shape == (5, 3)
    assert np.linalg.matrix_rank(vectors) == 3


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_a_block_diagonal_affinity_has_as_many_clusters_as_blocks(k):
    graph = csr_array(block_diag([np.ones((size, size)) for size in range(6, 6 + k)]))
    graph.setdiag(0)
    values, vectors = smallest_eigenpairs(graph, min(12, graph.shape[0]))

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
    graph = affinity_graph(unit, 1).toarray()

    # nearest: 0 -> 1 (0.8), 1 -> 2 (0.96), 2 -> 1 (0.96), 3 -> 2 (-0.6, so 0)
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 0] = 0.4
    wanted[1, 2] = wanted[2, 1] = 0.96
    assert graph == pytest.approx(wanted, abs=1e-6)


@seeded(25)
@given(n=st.integers(2, 60), n_edges=st.integers(1, 59), seed=st.integers(0, 99))
def test_affinity_is_the_nearest_neighbours_made_symmetric(n, n_edges, seed):
    n_edges = min(n_edges, n - 1)
    unit = unit_length(np.random.default_rng(seed).standard_normal((n, 16)).astype(np.float32))
    cosine = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(cosine, -np.inf)
    directed = np.zeros((n, n))
    for row in range(n):
        nearest = np.argsort(-cosine[row])[:n_edges]
        directed[row, nearest] = np.maximum(cosine[row, nearest], 0)

    graph = affinity_graph(unit, n_edges).toarray()
    assert graph == pytest.approx((directed + directed.T) / 2, abs=1e-5)


def test_affinity_in_parts_is_the_affinity_in_one():
    embeddings, _ = planted(3, ROWS_AT_ONCE + 30)
    unit = unit_length(embeddings)
    graph = affinity_graph(unit, 7).toarray()

    cosine = unit @ unit.T
    edges = graph > 0
    assert np.allclose(graph, graph.T)
    assert (edges.sum(axis=1) >= 7).all()
    assert (
        np.isclose(graph[edges], cosine[edges], atol=1e-5)
        | np.isclose(graph[edges], cosine[edges] / 2, atol=1e-5)
    ).all()


def test_the_graph_grows_linearly_with_the_number_of_windows():
    options = ClusterOptions(neighbour_ratio=0.5, max_neighbours=20)
    for n in (500, 3000):
        embeddings, _ = planted(4, n)
        graph = affinity_graph(unit_length(embeddings), n_neighbours(n, options))

        assert graph.nnz <= 2 * options.max_neighbours * n


@pytest.mark.parametrize(
    ("n_windows", "n_edges"),
    [(2, 1), (8, 7), (100, 7), (400, 8), (2500, 50), (5000, 100), (9000, 100)],
)
def test_neighbours_are_a_share_within_limits(n_windows, n_edges):
    options = ClusterOptions(neighbour_ratio=0.02, min_neighbours=7, max_neighbours=100)

    assert n_neighbours(n_windows, options) == n_edges


def test_the_eigengap_looks_no_further_than_windows_per_speaker_says():
    embeddings, _ = planted(10, 60)
    unit = unit_length(embeddings)
    few = spectral_labels(unit, SpeakerBounds(), ClusterOptions(windows_per_speaker=20))
    many = spectral_labels(unit, SpeakerBounds(), ClusterOptions(windows_per_speaker=6))

    assert len(set(few.tolist())) <= 3
    assert len(set(many.tolist())) == 10
