"""k-means against planted clusters, all partitions of few points, and steps done by hand."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.spectral import fill_empty, k_means
from unit.planted_speakers import same_partition
from unit.seeded import seeded


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
