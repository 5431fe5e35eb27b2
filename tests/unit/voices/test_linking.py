"""One name for one voice across recordings: planted people, brute force, and any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from unit.planted_voices import answer, direction
from unit.seeded import seeded
from voices.linking import cluster_speakers, link_speakers
from voices.speakers import read_speakers

DIM = 6
PEOPLE = np.eye(DIM)


def spoken(*recordings):
    """Speakers of recordings, each a list of centroids."""
    return [read_speakers(answer(f"r{n}", each)) for n, each in enumerate(recordings)]


def names(recordings, known=None, threshold=0.5):
    known = known or [{}] * len(recordings)
    return [list(each.values()) for each in link_speakers(spoken(*recordings), known, threshold)]


@st.composite
def crowds(draw):
    """Centroids of all speakers, and the recordings they are in."""
    n = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = np.stack([direction(*each) for each in rng.normal(size=(n, 3))])
    return rows, sorted(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))


def partition(groups):
    return {frozenset(np.flatnonzero(np.asarray(groups) == each)) for each in groups}


def plain_groups(rows, recordings, threshold):
    """The same by brute force: means over all pairs in every step."""
    groups = [[n] for n in range(len(rows))]
    while True:
        best = None
        for a in range(len(groups)):
            for b in range(a + 1, len(groups)):
                pairs = [(x, y) for x in groups[a] for y in groups[b]]
                if any(recordings[x] == recordings[y] for x, y in pairs):
                    continue
                mean = np.mean([np.float64(rows[x]) @ rows[y] for x, y in pairs])
                if mean >= threshold and (best is None or mean > best[0]):
                    best = (mean, a, b)
        if best is None:
            return {frozenset(each) for each in groups}
        groups[best[1]] += groups.pop(best[2])


def test_one_voice_has_one_name_in_all_recordings():
    ana, ben, cara = PEOPLE[:3]

    assert names([[ana, ben], [ben, cara], [cara + 0.2 * ben, ana]]) == [
        ["VOICE_000", "VOICE_001"],
        ["VOICE_001", "VOICE_002"],
        ["VOICE_002", "VOICE_000"],
    ]


def test_two_speakers_of_one_recording_are_never_joined():
    ana = PEOPLE[0]

    assert names([[ana, ana + 0.01], [ana]])[0] == ["VOICE_000", "VOICE_001"]


def test_an_enrolled_name_goes_to_all_of_its_voice():
    ana, ben = PEOPLE[:2]
    known = [{}, {"SPEAKER_01": "Ana"}, {}]

    assert names([[ana, ben], [ben, ana], [ana + 0.1]], known) == [
        ["Ana", "VOICE_000"],
        ["VOICE_000", "Ana"],
        ["Ana"],
    ]


def test_one_enrolled_name_is_one_voice_even_if_unlike():
    known = [{"SPEAKER_00": "Ana"}, {"SPEAKER_00": "Ana"}]

    assert names([[PEOPLE[0]], [PEOPLE[1]]], known) == [["Ana"], ["Ana"]]


def test_two_enrolled_names_are_never_one_voice():
    known = [{"SPEAKER_00": "Ana"}, {"SPEAKER_00": "Ben"}, {}]

    found = names([[PEOPLE[0]], [PEOPLE[0] + 0.01], [PEOPLE[0] + 0.01]], known)

    assert found[:2] == [["Ana"], ["Ben"]]
    assert found[2] in (["Ana"], ["Ben"])


def test_no_speech_and_no_recording_have_no_names():
    assert names([[], [PEOPLE[0]], []]) == [[], ["VOICE_000"], []]
    assert link_speakers([], [], 0.5) == []
    assert cluster_speakers(np.empty((0, 3), np.float32), [], [], 0.5) == []


@seeded(100)
@given(crowds(), st.sampled_from([-0.5, 0.0, 0.3, 0.6]))
def test_groups_equal_those_of_brute_force(crowd, threshold):
    rows, recordings = crowd

    groups = cluster_speakers(rows, recordings, [None] * len(rows), threshold)

    assert partition(groups) == plain_groups(rows, recordings, threshold)
    assert all(group == min(np.flatnonzero(np.asarray(groups) == group)) for group in groups)


@seeded(100)
@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_speakers_does_not_affect_groups(crowd, randoms):
    rows, recordings = crowd
    order = list(range(len(rows)))
    randoms.shuffle(order)
    groups = cluster_speakers(rows, recordings, [None] * len(rows), 0.2)

    shuffled = cluster_speakers(
        rows[order], [recordings[each] for each in order], [None] * len(rows), 0.2
    )

    assert {frozenset(order[each] for each in group) for group in partition(shuffled)} == (
        partition(groups)
    )


@pytest.mark.parametrize("n", [40, 300])
def test_without_constraints_it_is_scipys_average_linkage(n):
    rng = np.random.default_rng(n)
    rows = np.stack([direction(*each) for each in rng.normal(size=(n, 4))])
    distances = np.maximum(1 - rows.astype(np.float64) @ rows.T, 0)
    np.fill_diagonal(distances, 0)
    expected = fcluster(linkage(squareform(distances, checks=False), "average"), 0.5, "distance")

    groups = cluster_speakers(rows, list(range(n)), [None] * n, 0.5)

    assert partition(groups) == partition(expected)
