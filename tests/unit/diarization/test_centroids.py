"""Directions of speakers and how close windows are to them, in few dimensions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import centroids_of, closeness, unit_length
from unit.seeded import seeded


def directions(n, seed=0, dim=4):
    return unit_length(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32))


def test_rows_get_length_one_and_zeros_stay():
    rows = unit_length(np.array([[3, 4], [0, 0], [0, -2]], np.float32))

    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, -1]]))
    assert rows.dtype == np.float32


def test_a_centroid_is_the_mean_direction_of_its_cluster():
    unit = np.array([[1, 0], [0, 1], [0.6, 0.8], [1, 0], [0, -1]], np.float32)
    found = centroids_of(unit, np.array([1, 0, 0, 1, 2]))

    assert found == pytest.approx(np.array([[0.6, 1.8] / np.sqrt(3.6), [1, 0], [0, -1]]))
    assert found.dtype == np.float32


def test_a_cluster_that_points_nowhere_has_no_direction():
    unit = np.array([[1, 0], [-1, 0]], np.float32)

    assert centroids_of(unit, np.zeros(2, np.int64)).tolist() == [[0, 0]]


@seeded()
@given(st.integers(1, 6), st.integers(0, 99))
def test_centroids_follow_the_windows_of_their_clusters(n_clusters, seed):
    rng = np.random.default_rng(seed)
    unit = unit_length(rng.standard_normal((20, 5)).astype(np.float32))
    labels = rng.permutation(np.arange(20) % n_clusters)
    order, renamed = rng.permutation(20), rng.permutation(n_clusters)
    found = centroids_of(unit, labels)

    assert found.shape == (n_clusters, 5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(n_clusters))
    assert centroids_of(unit[order], labels[order]) == pytest.approx(found, abs=1e-5)
    assert centroids_of(unit, renamed[labels])[renamed] == pytest.approx(found)


def test_closeness_is_a_softmax_of_the_cosines():
    unit = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, -1]], np.float32)
    found = closeness(unit, np.eye(2, dtype=np.float32), np.log(3.0))

    # 3 to the power of the cosines, divided by their sum
    assert found[:2] == pytest.approx(np.array([[3 / 4, 1 / 4], [1 / 4, 3 / 4]]))
    assert found[2, 1] / found[2, 0] == pytest.approx(3**0.2)
    assert found[3] == pytest.approx(np.array([1, 1 / 3]) / (4 / 3))


def test_of_one_speaker_all_are_his():
    assert closeness(directions(5), directions(1, seed=1), 10.0).tolist() == [[1.0]] * 5


@seeded()
@given(st.integers(0, 9), st.integers(1, 5), st.floats(0.1, 1e4), st.integers(0, 99))
def test_closeness_follows_speakers_and_turns_with_the_space(n_windows, n_speakers, sharp, seed):
    unit, centroids = directions(n_windows, seed), directions(n_speakers, seed + 1)
    rotation = np.linalg.qr(directions(4, seed + 2))[0]
    order = np.random.default_rng(seed).permutation(n_speakers)
    found = closeness(unit, centroids, sharp)

    assert found.shape == (n_windows, n_speakers)
    assert found.sum(axis=1) == pytest.approx(np.ones(n_windows), abs=1e-5)
    assert (found >= 0).all()
    assert closeness(unit, centroids[order], sharp) == pytest.approx(found[:, order], abs=1e-5)
    turned = closeness(unit @ rotation, centroids @ rotation, sharp)
    assert turned == pytest.approx(found, abs=1e-6 * max(10, sharp))
