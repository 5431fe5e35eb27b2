"""Clustering of embeddings with known speakers."""

import tracemalloc
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import (
    agglomerative_labels,
    centroids_of,
    closeness,
    cluster,
    cut_once_more,
    odd_windows,
    split_mixed,
    unit_length,
    voices,
    without_small,
)
from diarization.joining import greatest_likeness, voice_likeness
from diarization.options import MAX_SPEAKERS_CEILING, ClusterOptions, SpeakerBounds
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


def test_no_windows_give_no_speakers():
    assert n_found(np.empty((0, DIM), np.float32)) == 0
    assert n_found(np.empty((0, 1), np.float32), SpeakerBounds(3, 3)) == 0


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
def test_num_speakers_is_met_exactly_up_to_one_per_window(kind, n_windows, num_speakers):
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
def test_bounds_change_the_number_only_as_far_as_needed(n_windows):
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
    [(20, ANY), (120, ANY), (600, SpeakerBounds(4, 4))],
)
def test_same_embeddings_same_labels_to_the_byte(n_windows, bounds):
    embeddings, _ = planted(3, n_windows, noise=3)
    before = embeddings.copy()

    first, second = (cluster(each, bounds, OPTIONS) for each in (embeddings, embeddings.copy()))
    assert first.tobytes() == second.tobytes()
    assert embeddings.tobytes() == before.tobytes()


@pytest.mark.parametrize("n_windows", [20, 100])
def test_the_norm_of_embeddings_does_not_matter(n_windows):
    embeddings, _ = planted(4, n_windows)

    labels = cluster(embeddings, ANY, OPTIONS)
    assert cluster(embeddings * np.float32(64), ANY, OPTIONS).tolist() == labels.tolist()


@pytest.mark.parametrize("n_windows", [240, 1000, 7200])
def test_brief_speakers_are_found_however_long_the_recording(n_windows):
    """Ten speakers of 12 windows each, in one place each, however long four others talk."""
    embeddings, truth = planted(14, 14 * n_windows, noise=1.2)
    order = [np.flatnonzero(truth == speaker)[: n_windows // 4] for speaker in range(4)]
    talk = np.random.default_rng(0).permutation(np.concatenate(order))
    for speaker in range(4, 14):
        at = (speaker - 3) * n_windows // 12
        talk = np.insert(talk, at, np.flatnonzero(truth == speaker)[:12])

    labels = cluster(embeddings[talk], ANY, OPTIONS)
    pairs = zip(labels.tolist(), truth[talk].tolist(), strict=True)
    assert len(set(labels.tolist())) == 14
    assert sum(sorted(Counter(pairs).values())[-14:]) >= 0.999 * len(talk)


def test_a_speaker_who_returns_keeps_the_label():
    embeddings, truth = planted(6, 1200, noise=1.2)
    parts = np.argsort(np.arange(1200) // 400 * 10 + truth // 2, kind="stable")  # two at a time

    assert same_partition(cluster(embeddings[parts], ANY, OPTIONS), truth[parts])


@pytest.mark.parametrize(("most", "n_found"), [(3, 3), (2, 2)])
def test_a_lower_maximum_merges_the_smallest_speaker(most, n_found):
    embeddings, truth = planted(4, 400)
    unequal = np.concatenate([np.flatnonzero(truth != 3), np.flatnonzero(truth == 3)[:9]])
    labels = cluster(embeddings[unequal], SpeakerBounds(1, most), OPTIONS)

    assert len(set(labels.tolist())) == n_found
    if most == 3:
        big = truth[unequal] != 3
        assert same_partition(labels[big], truth[unequal][big])


def test_a_given_number_of_speakers_does_not_split_a_voice():
    embeddings, truth = planted(3, 120)
    labels = cluster(embeddings, SpeakerBounds(5, 5), OPTIONS)

    assert sorted(np.bincount(labels))[:2] == [1, 1], "the two extra speakers have a window each"
    same = labels < 3
    assert same_partition(labels[same], truth[same])


@pytest.mark.parametrize(("common", "is_cut"), [(1.0, True), (2.0, False)])
def test_one_voice_is_cut_in_two_only_if_the_halves_differ(common, is_cut):
    embeddings, truth = planted(2, 60, noise=0.3)
    apart = unit_length(embeddings)
    unit = unit_length(apart + common * apart.mean(axis=0) / np.linalg.norm(apart.mean(axis=0)))

    assert greatest_likeness(unit, truth, voice_likeness) > OPTIONS.same_voice
    cut = cut_once_more(unit, 2, OPTIONS)
    assert same_partition(cut, truth) if is_cut else cut is None


def odd_labels(unit, labels, n):
    """Labels of the windows that are taken from their groups, in the order they are taken."""
    alike = (unit @ centroids_of(unit, labels).T).max(axis=1)
    return odd_windows(unit, labels, alike, n)


def test_the_oddest_window_is_of_the_missed_speaker():
    embeddings, truth = planted(4, 400, noise=1.2)
    unit = unit_length(embeddings)[np.argsort(truth, kind="stable")][:303]  # three of the fourth
    overlooked = np.minimum(np.sort(truth)[:303], 2)

    first, second = odd_labels(unit, overlooked, 2)
    assert first >= 300
    assert second < 300, "a missed speaker is taken once"


def test_odd_windows_differ_from_each_other_too():
    unit = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3]]

    # the fourth direction, then the third, then the second: its windows are less like their mean
    # than the other window of the third is like its twin
    assert odd_labels(unit, np.repeat([0, 1], [3, 8]), 3) == [10, 8, 3]


def test_a_group_keeps_its_last_window():
    unit = np.ones((6, 2), np.float32) / np.sqrt(np.float32(2))

    assert sorted(odd_labels(unit, np.array([0, 0, 1, 2, 2, 2]), 3)) == [0, 3, 4]


def test_windows_of_a_small_group_join_the_most_similar_group():
    unit = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], [5, 6, 4])]
    unit[-4:, 1] = 0.1
    labels = np.repeat([1, 2, 0], [5, 6, 4])

    assert without_small(unit, labels).tolist() == [0] * 5 + [1] * 10
    assert without_small(unit[:-4], labels[:-4] - 1).tolist() == [0] * 5 + [1] * 6
    assert without_small(unit[-4:], labels[-4:]).tolist() == [0] * 4, "there is no large one"


def test_an_odd_window_is_a_speaker_only_in_a_short_recording():
    short, long = (planted(3, n)[0] for n in (60, 600))
    odd = planted(1, 1, seed=9)[0]

    assert n_found(np.insert(long, 300, odd, axis=0)) == 3
    assert n_found(np.insert(short, 30, odd, axis=0)) == 4


@pytest.mark.parametrize(("n_voices", "n_groups"), [(1, 1), (2, 1), (3, 2), (5, 1)])
def test_a_group_of_several_voices_is_split_into_single_voices(n_voices, n_groups):
    embeddings, truth = planted(n_voices, 20 * n_voices, noise=1.2)
    labels = np.minimum(truth, n_groups - 1)

    assert same_partition(split_mixed(unit_length(embeddings), labels, OPTIONS), truth)


@pytest.mark.parametrize(("n_other", "n_found"), [(2, 1), (3, 2)])
def test_too_few_windows_are_not_split_off(n_other, n_found):
    embeddings, truth = planted(2, 60, noise=1.2)
    some = np.concatenate([np.flatnonzero(truth == 0), np.flatnonzero(truth == 1)[:n_other]])
    found = split_mixed(unit_length(embeddings)[some], np.zeros(len(some), np.int64), OPTIONS)

    assert len(set(found.tolist())) == n_found


def test_many_voices_stay_within_memory_and_the_limit_of_speakers():
    n_voices = 400
    embeddings, _ = planted(n_voices, 36 * n_voices)
    embeddings = embeddings[np.argsort(np.arange(len(embeddings)) % n_voices, kind="stable")]

    tracemalloc.start()
    found = voices(unit_length(embeddings), OPTIONS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(found.tolist())) == MAX_SPEAKERS_CEILING
    assert peak < 10 * embeddings.nbytes, "while a matrix of all pairs is 150 times as large"


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
    """Clusters after joining the two with the least average distance until k are left."""
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
def test_average_linkage_equals_brute_force(n, k, seed):
    k = min(k, n)
    unit = unit_length(np.random.default_rng(seed).standard_normal((n, 6)))
    labels = agglomerative_labels(unit, SpeakerBounds(k, k), 0.5)

    assert same_partition(labels, brute_force(unit, k))
    assert labels.dtype == np.int64


@pytest.mark.parametrize(("max_distance", "n_found"), [(0.99, 2), (1.01, 1)])
def test_groups_are_joined_while_they_are_closer_than_the_limit(max_distance, n_found):
    unit = np.eye(2, dtype=np.float32)[[0, 1, 0]]

    labels = agglomerative_labels(unit, SpeakerBounds(), max_distance)
    assert len(set(labels.tolist())) == n_found


@pytest.mark.parametrize("k", range(1, 9))
def test_equal_distances_still_give_the_number_asked_for(k):
    unit = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 2, 3, 3]]

    labels = agglomerative_labels(unit, SpeakerBounds(k, k), 0.5)
    assert set(labels.tolist()) == set(range(k))


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


def test_the_centroid_of_opposite_vectors_is_zero():
    unit = np.array([[1, 0], [-1, 0]], np.float32)

    assert centroids_of(unit, np.zeros(2, np.int64)).tolist() == [[0, 0]]


@seeded()
@given(st.integers(1, 6), st.integers(0, 99))
def test_centroids_do_not_depend_on_the_order_of_windows_or_clusters(n_clusters, seed):
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


def test_closeness_to_the_only_speaker_is_1():
    assert closeness(directions(5), directions(1, seed=1), 10.0).tolist() == [[1.0]] * 5


@seeded()
@given(st.integers(0, 9), st.integers(1, 5), st.floats(0.1, 1e4), st.integers(0, 99))
def test_closeness_does_not_depend_on_order_and_rotation(n_windows, n_speakers, sharp, seed):
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
