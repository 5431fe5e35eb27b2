"""Likeness of groups by hand and by brute force, and the order in which they are joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import unit_length
from diarization.joining import (
    LEAST_COSINE,
    USUAL_COSINE,
    Groups,
    greatest_likeness,
    join,
    mean_cosine,
    minus_ward_loss,
    voice_likeness,
)
from unit.planted_speakers import planted, same_partition
from unit.seeded import seeded

ALL = slice(None)


def on_a_circle(*angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def random_groups(n, k, seed):
    rng = np.random.default_rng(seed)
    unit = unit_length(rng.standard_normal((n, 6)).astype(np.float32) + 1)
    return unit, rng.permutation(np.arange(n) % k)


def own_cosine(unit, labels, group):
    """Mean over the pairs of a group's windows that do not follow each other."""
    members = np.flatnonzero(labels == group)
    cosines = [unit[a] @ unit[b] for a in members for b in members if a < b and b != a + 1]
    return max(np.mean(cosines), LEAST_COSINE) if cosines else USUAL_COSINE


@seeded(40)
@given(n=st.integers(2, 24), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_likeness_equals_that_over_all_pairs_of_windows(n, k, seed):
    k = min(k, n)
    unit, labels = random_groups(n, k, seed)
    groups = Groups(unit, labels)
    own = [own_cosine(unit, labels, group) for group in range(k)]
    for a in range(k):
        for b in range(k):
            mean = (unit[labels == a] @ unit[labels == b].T).mean()
            sizes = (labels == a).sum(), (labels == b).sum()
            voice = mean / np.sqrt(own[a] * own[b])
            assert mean_cosine(groups, ALL)[a, b] == pytest.approx(mean, abs=1e-5)
            assert voice_likeness(groups, a)[b] == pytest.approx(voice, abs=1e-4)
            weight = sizes[0] * sizes[1] / sum(sizes)
            assert minus_ward_loss(groups, ALL)[a, b] == pytest.approx(
                weight * (voice - 1), abs=1e-3
            )


@seeded(25)
@given(n=st.integers(6, 24), seed=st.integers(0, 99))
def test_absorbing_a_group_equals_grouping_both_from_the_start(n, seed):
    unit, labels = random_groups(n, 3, seed)
    labels = np.sort(labels)  # so that no window of one group follows one of the other ...
    labels[labels == 2] = -1
    unit, labels = np.roll(unit, n // 2, axis=0), np.roll(labels, n // 2)
    labels[labels == -1] = 2
    groups, both = Groups(unit, labels), Groups(unit, np.where(labels == 2, 0, labels))
    beside = np.flatnonzero(
        (labels[1:] != labels[:-1]) & np.isin(labels[1:], [0, 2]) & np.isin(labels[:-1], [0, 2])
    )
    groups.absorb(0, 2)

    assert mean_cosine(groups, 0)[:2] == pytest.approx(mean_cosine(both, 0), abs=1e-5)
    if len(beside) == 0:  # ... but for these, which count as a pair only until they are joined
        assert groups.own_cosines()[:2] == pytest.approx(both.own_cosines(), abs=1e-5)


@pytest.mark.parametrize("noise", [0.7, 1.5, 3])
@pytest.mark.parametrize("n_windows", [40, 400])
def test_one_voice_is_like_itself_whatever_the_noise_and_the_length(noise, n_windows):
    embeddings, truth = planted(2, n_windows, noise=noise)
    unit = unit_length(embeddings)[np.argsort(truth, kind="stable")]
    halves = np.repeat([0, 1, 2, 3], n_windows // 4)
    likeness = voice_likeness(Groups(unit, halves), ALL)

    assert likeness[[0, 2], [1, 3]] == pytest.approx(1, abs=0.35 if noise == 3 else 0.1)
    assert np.abs(likeness[:2, 2:]).max() < 0.5


def test_the_greatest_likeness_is_of_two_groups():
    unit = on_a_circle(0.0, 0.0, 1.0, 1.0, 3.0, 3.0)

    found = greatest_likeness(unit, np.array([0, 0, 1, 1, 2, 2]), mean_cosine)
    assert found == pytest.approx(np.cos(1.0))


def test_similar_groups_are_joined_the_most_similar_first():
    unit = on_a_circle(0.0, 0.1, 2.0, 0.3, 0.4, 2.2)
    labels = np.array([0, 0, 1, 2, 2, 3])

    # 0 and 2 are 0.3 apart on average, 1 and 3 are 0.2 apart: cos 0.2 = 0.980
    joined = {least: join(unit, labels, mean_cosine, least) for least in (0.99, 0.97, 0.9, -2.0)}
    assert joined[0.99].tolist() == labels.tolist()
    assert same_partition(joined[0.97], np.array([0, 0, 1, 2, 2, 1]))
    assert same_partition(joined[0.9], np.array([0, 0, 1, 0, 0, 1]))
    assert set(joined[-2.0].tolist()) == {0}
    assert same_partition(join(unit, labels, mean_cosine, 0.9, fewest=3), joined[0.97])


def test_ward_loss_is_least_for_a_small_group():
    unit = on_a_circle(*[0.0] * 20, *[0.9] * 20, 3.0, 3.0)
    labels = np.repeat([0, 1, 2], [20, 20, 2])

    assert same_partition(join(unit, labels, mean_cosine, -2, fewest=2), np.minimum(labels // 2, 1))
    kept = join(unit, labels, minus_ward_loss, -np.inf, fewest=2)
    assert same_partition(kept, np.array([0] * 20 + [1] * 22))


@seeded()
@given(st.integers(1, 8), st.integers(1, 8), st.floats(-1, 1), st.integers(0, 99))
def test_joining_never_splits_a_group(n_groups, fewest, least, seed):
    unit, labels = random_groups(24, n_groups, seed)
    before = labels.copy()
    joined = join(unit, labels, voice_likeness, least, fewest)

    used = set(joined.tolist())
    assert labels.tolist() == before.tolist()
    assert used == set(range(len(used)))
    assert min(n_groups, fewest) <= len(used) <= n_groups
    assert len(set(zip(labels.tolist(), joined.tolist(), strict=True))) == n_groups
