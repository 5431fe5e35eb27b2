"""Planted speakers must be found again, and bounds on their number hold for any embeddings."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import (
    agglomerative_labels,
    cluster,
    join_alike,
    labels_after,
    unit_length,
)
from diarization.spectral import spectral_labels
from diarization.stage_options import ClusterOptions, SpeakerBounds
from unit.planted_speakers import DIM, planted, same_partition
from unit.seeded import seeded

OPTIONS = ClusterOptions()
ANY = SpeakerBounds()

AWKWARD = {
    "planted": lambda n: planted(3, n)[0],
    "identical": lambda n: np.ones((n, DIM), np.float32),
    "zero": lambda n: np.zeros((n, DIM), np.float32),
    "noise": lambda n: planted(n, n)[0],
    "opposite": lambda n: np.tile(np.array([[1], [-1]], np.float32), (n, DIM))[:n],
}


def n_found(embeddings, bounds=ANY):
    """Number of speakers, checked to be numbered from 0 without gaps."""
    labels = cluster(embeddings, bounds, OPTIONS)
    used = sorted(set(labels.tolist()))

    assert labels.shape == (len(embeddings),)
    assert labels.dtype == np.int64
    assert used == list(range(len(used)))
    return len(used)


def test_no_window_has_no_speaker():
    assert n_found(np.empty((0, DIM), np.float32)) == 0
    assert n_found(np.empty((0, 1), np.float32), SpeakerBounds(3, 3)) == 0


@pytest.mark.parametrize(
    ("n_windows", "n_clustered"), [(99, 99), (100, 100), (101, 100), (450, 100)]
)
def test_of_too_many_windows_evenly_spaced_ones_are_clustered(monkeypatch, n_windows, n_clustered):
    seen = []

    def watched(unit, *rest):
        seen.append(len(unit))
        return spectral_labels(unit, *rest)

    monkeypatch.setattr("diarization.clustering.spectral_labels", watched)
    embeddings, speakers = planted(3, n_windows)
    labels = cluster(embeddings, ANY, ClusterOptions(most_windows=100))
    assert seen == [n_clustered]
    assert same_partition(labels, speakers)


def test_bounds_hold_where_only_some_windows_are_clustered():
    noise, _ = planted(101, 101)
    labels = cluster(noise, SpeakerBounds(100, 100), ClusterOptions(most_windows=100))
    assert sorted(set(labels.tolist())) == list(range(100))


@pytest.mark.parametrize("bounds", [ANY, SpeakerBounds(2, 2), SpeakerBounds(4, 9)])
def test_one_window_is_one_speaker(bounds):
    assert n_found(planted(1, 1)[0], bounds) == 1
    assert n_found(np.zeros((1, DIM), np.float32), bounds) == 1


def test_two_windows_are_one_speaker_or_two():
    assert n_found(planted(1, 2)[0]) == 1
    assert n_found(planted(2, 2)[0]) == 2


@pytest.mark.parametrize(
    ("n_speakers", "n_windows"),
    [
        *[(1, n) for n in (2, 10, 24, 25, 60, 150)],
        *[(2, n) for n in (2, 7, 24, 25)],
        *[(3, n) for n in (3, 24, 25, 100)],
        *[(n_speakers, 24) for n_speakers in (5, 8, 12)],
        *[(4, 8), (4, 25), (5, 30), (6, 200), (7, 50), (8, 60), (9, 90), (10, 90), (11, 70)],
        *[(12, 80), (12, 400)],
    ],
)
def test_planted_speakers_are_found(n_speakers, n_windows):
    embeddings, truth = planted(n_speakers, n_windows)

    assert same_partition(cluster(embeddings, ANY, OPTIONS), truth)


def test_a_speaker_with_few_words_is_found_beside_one_with_many():
    embeddings, truth = planted(10, 200, seed=4)
    unequal = np.concatenate([np.flatnonzero(truth == 0), np.flatnonzero(truth == 1)[:9]])

    labels = cluster(embeddings[unequal], ANY, OPTIONS)
    assert same_partition(labels, truth[unequal])


@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("n_windows", [2, 24, 60])
@pytest.mark.parametrize("num_speakers", [2, 30])
def test_num_speakers_is_met_exactly_or_every_window_is_one(kind, n_windows, num_speakers):
    embeddings = AWKWARD[kind](n_windows)

    exact = SpeakerBounds(num_speakers, num_speakers)
    assert n_found(embeddings, exact) == min(num_speakers, n_windows)


@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("n_windows", [3, 60])
@pytest.mark.parametrize(("minimum", "maximum"), [(1, 2), (2, 5), (5, 30)])
def test_bounds_hold_for_any_embeddings(kind, n_windows, minimum, maximum):
    found = n_found(AWKWARD[kind](n_windows), SpeakerBounds(minimum, maximum))

    assert min(minimum, n_windows) <= found <= min(maximum, n_windows)


@pytest.mark.parametrize("n_windows", [20, 60])
def test_bounds_move_the_number_only_as_far_as_they_must(n_windows):
    embeddings, _ = planted(4, n_windows)

    assert n_found(embeddings, SpeakerBounds(1, 3)) == 3
    assert n_found(embeddings, SpeakerBounds(6, 9)) == 6
    assert n_found(embeddings, SpeakerBounds(2, 9)) == 4


def test_more_than_thirty_speakers_may_be_asked_for():
    embeddings, _ = planted(4, 60)

    assert n_found(embeddings, SpeakerBounds(50, 50)) == 50


@pytest.mark.parametrize("n_windows", [2, 24, 25, 64, 600])
def test_identical_embeddings_are_one_speaker(n_windows):
    assert n_found(AWKWARD["identical"](n_windows)) == 1


@pytest.mark.parametrize("bounds", [ANY, SpeakerBounds(2, 2)])
@pytest.mark.parametrize("n_windows", [10, 26, 200, 500])
def test_two_repeated_embeddings_are_two_speakers(n_windows, bounds):
    labels = cluster(AWKWARD["opposite"](n_windows), bounds, OPTIONS)

    assert same_partition(labels, np.arange(n_windows) % 2)


@pytest.mark.parametrize(
    ("n_windows", "bounds"),
    [(20, ANY), (120, ANY), (600, SpeakerBounds(4, 4))],  # 600 in one piece: too many for `eigh`
)
def test_same_embeddings_same_labels_to_the_byte(n_windows, bounds):
    embeddings, _ = planted(3, n_windows, noise=3)
    before = embeddings.copy()

    first, second = (cluster(each, bounds, OPTIONS) for each in (embeddings, embeddings.copy()))
    assert first.tobytes() == second.tobytes()
    assert embeddings.tobytes() == before.tobytes()


@pytest.mark.parametrize("n_windows", [20, 100])
def test_loudness_of_an_embedding_does_not_matter(n_windows):
    embeddings, _ = planted(4, n_windows)

    labels = cluster(embeddings, ANY, OPTIONS)
    assert cluster(embeddings * np.float32(64), ANY, OPTIONS).tolist() == labels.tolist()


def test_one_hour_needs_no_dense_matrix():
    n_windows = 4800
    embeddings, truth = planted(10, n_windows)

    tracemalloc.start()
    labels = cluster(embeddings, ANY, OPTIONS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert same_partition(labels, truth)
    assert peak < n_windows**2 * 4, "less than one float32 per pair of windows"


def test_few_windows_are_joined_up_to_join_distance():
    angles = np.array([0.0, 0.2, 1.2, 1.4])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    # within a pair 1 - cos 0.2 = 0.02; between them on average 1 - cos(1.2 +- 0.2 or 0) = 0.63
    near, far = (ClusterOptions(join_distance=limit) for limit in (0.6, 0.7))
    assert len(set(cluster(embeddings, ANY, near).tolist())) == 2
    assert len(set(cluster(embeddings, ANY, far).tolist())) == 1


def test_average_linkage_by_hand():
    angles = np.array([0.0, 0.1, 2.0, 2.3, 4.0])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    labels = agglomerative_labels(unit, SpeakerBounds(), 0.2)
    assert same_partition(labels, np.array([0, 0, 1, 1, 2]))


def brute_force(unit, k):
    """Clusters after joining the two with the least average distance until there are k."""
    groups = [[window] for window in range(len(unit))]
    while len(groups) > k:
        averages = {
            (one, other): 1 - (unit[groups[one]] @ unit[groups[other]].T).mean()
            for one, other in combinations(range(len(groups)), 2)
        }
        one, other = min(averages, key=averages.get)
        groups[one] += groups.pop(other)
    labels = np.empty(len(unit), np.int64)
    for label, group in enumerate(groups):
        labels[group] = label
    return labels


@seeded(60)
@given(n=st.integers(2, 14), k=st.integers(1, 14), seed=st.integers(0, 999))
def test_average_linkage_joins_the_two_closest_clusters_again_and_again(n, k, seed):
    k = min(k, n)
    unit = unit_length(np.random.default_rng(seed).standard_normal((n, 6)))
    labels = agglomerative_labels(unit, SpeakerBounds(k, k), 0.5)

    assert same_partition(labels, brute_force(unit, k))
    assert labels.dtype == np.int64


@pytest.mark.parametrize(("max_distance", "n_found"), [(0.99, 2), (1.0, 1)])
def test_groups_exactly_as_far_apart_as_allowed_are_joined(max_distance, n_found):
    unit = np.eye(2, dtype=np.float32)[[0, 1, 0]]

    labels = agglomerative_labels(unit, SpeakerBounds(), max_distance)
    assert len(set(labels.tolist())) == n_found


@pytest.mark.parametrize("k", range(1, 9))
def test_equal_distances_still_give_the_number_asked_for(k):
    unit = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 2, 3, 3]]

    labels = agglomerative_labels(unit, SpeakerBounds(k, k), 0.5)
    assert set(labels.tolist()) == set(range(k))


def test_labels_after_merges_by_hand():
    merges = np.array([[1, 3, 0, 2], [0, 4, 0, 2], [5, 6, 1, 4], [2, 7, 1, 5]], float)

    assert labels_after(merges[:0], 5).tolist() == [0, 1, 2, 3, 4]
    assert labels_after(merges[:1], 5).tolist() == [0, 3, 1, 3, 2]
    assert labels_after(merges[:2], 5).tolist() == [2, 1, 0, 1, 2]
    assert labels_after(merges[:3], 5).tolist() == [1, 1, 0, 1, 1]
    assert labels_after(merges, 5).tolist() == [0] * 5


def on_a_circle(*angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_clusters_that_are_alike_are_joined_the_most_alike_first():
    unit = on_a_circle(0.0, 0.1, 2.0, 0.3, 0.4, 2.2)
    labels = np.array([0, 0, 1, 2, 2, 3])

    # 0 and 2 are 0.3 apart on average, 1 and 3 are 0.2 apart: 1 - cos 0.2 = 0.020
    assert same_partition(join_alike(unit, labels, 1, 0.03), np.array([0, 0, 1, 2, 2, 1]))
    assert same_partition(join_alike(unit, labels, 1, 0.1), np.array([0, 0, 1, 0, 0, 1]))
    assert same_partition(join_alike(unit, labels, 3, 0.1), np.array([0, 0, 1, 2, 2, 1]))
    assert join_alike(unit, labels, 4, 2.0).tolist() == labels.tolist()
    assert set(join_alike(unit, labels, 1, 2.0).tolist()) == {0}


@seeded()
@given(st.integers(1, 8), st.integers(1, 8), st.floats(0.01, 1), st.integers(0, 99))
def test_joining_only_joins(n_clusters, fewest, max_distance, seed):
    rng = np.random.default_rng(seed)
    unit = unit_length(rng.standard_normal((24, 5)).astype(np.float32))
    labels = rng.permutation(np.arange(24) % n_clusters)
    before = labels.copy()
    joined = join_alike(unit, labels, fewest, max_distance)

    used = set(joined.tolist())
    assert labels.tolist() == before.tolist()
    assert used == set(range(len(used)))
    assert min(n_clusters, fewest) <= len(used) <= n_clusters
    assert len(set(zip(labels.tolist(), joined.tolist(), strict=True))) == n_clusters
