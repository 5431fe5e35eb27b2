"""Planted voices are found again, as the exact linking of a run finds them."""

import numpy as np
import pytest

from corpora.identities import identities, near_pairs
from voices.linking import cluster_speakers
from voices.voice import unit_rows

DIM = 192
THRESHOLD = 0.55


def planted(n_voices, n_recordings, noise, seed=0):
    """Two voices in each recording: centroids, numbers of recordings, voices."""
    random = np.random.default_rng(seed)
    voices = unit_rows(random.normal(size=(n_voices, DIM)).astype(np.float32))
    who = [random.choice(n_voices, 2, replace=False) for _ in range(n_recordings)]
    rows = np.concatenate([voices[pair] for pair in who])
    rows = unit_rows(rows + noise * random.normal(size=rows.shape).astype(np.float32))
    return rows, [number // 2 for number in range(len(rows))], np.concatenate(who)


def as_groups(labels):
    first = {}
    return [first.setdefault(label, number) for number, label in enumerate(labels)]


@pytest.mark.parametrize(("n_voices", "n_recordings"), [(2, 3), (10, 60), (40, 400)])
def test_planted_voices_are_found(n_voices, n_recordings):
    rows, recordings, who = planted(n_voices, n_recordings, noise=0.03)
    assert as_groups(identities(rows, recordings, THRESHOLD)) == as_groups(who)


@pytest.mark.parametrize("seed", range(3))
def test_most_groups_are_those_of_all_pairs(seed):
    rows, recordings, _ = planted(20, 100, noise=0.06, seed=seed)
    exact = cluster_speakers(rows, recordings, [None] * len(rows), THRESHOLD)
    found = as_groups(identities(rows, recordings, THRESHOLD))
    assert np.mean(np.array(found) == as_groups(exact)) > 0.95
    assert len(set(found)) == pytest.approx(len(set(exact)), abs=1)


def test_speakers_of_one_recording_are_never_one_voice():
    row = unit_rows(np.ones((1, DIM), np.float32))
    assert identities(np.repeat(row, 3, axis=0), [0, 0, 1], THRESHOLD) == [
        "VOICE_000000",
        "VOICE_000001",
        "VOICE_000000",
    ]


def test_none_and_one_are_ordinary():
    assert identities(np.empty((0, DIM), np.float32), [], THRESHOLD) == []
    assert identities(unit_rows(np.ones((1, DIM), np.float32)), [7], THRESHOLD) == ["VOICE_000000"]


def test_near_pairs_come_once_and_the_nearest_first():
    rows = unit_rows(np.array([[1, 0], [1, 0.1], [1, 0.5], [-1, 0]], np.float32))
    assert near_pairs(rows, 0.5).tolist() == [[0, 1], [1, 2], [0, 2]]
