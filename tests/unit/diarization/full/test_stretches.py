"""Activity in frames -> stretches in samples -> turns in seconds, by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.activity import Stretch, activity_stretches, cut_out, joined_turns
from diarization.turns import Turn
from unit.planted_activity import active
from unit.seeded import seeded

SECOND = 16_000


def stretches_of(activity, offset, n_samples):
    """(begin, end, speaker) of the stretches."""
    evidence = np.ones(activity.shape, np.float32)
    found = activity_stretches(activity, evidence, offset, n_samples)
    return [stretch[:3] for stretch in found]


def sure(rows, confidence=1.0):
    return [Stretch(*row, confidence) for row in rows]


def test_stretches_begin_and_end_half_way_between_frame_centres():
    # frames 2 ... 3 and 6 ... 7; centres 270 i + 495, half way before them 270 i + 360
    assert stretches_of(active("0011001100"), 100_000, 3_300) == [
        (100_900, 101_440, 0),
        (101_980, 102_520, 0),
    ]


def test_the_first_and_the_last_frame_reach_the_ends_of_the_block():
    assert stretches_of(active("1000"), 0, 1_500) == [(0, 630, 0)]
    assert stretches_of(active("0001"), 0, 1_500) == [(1_170, 1_500, 0)]
    assert stretches_of(active("1"), 5_000, 600) == [(5_000, 5_600, 0)]


def test_stretches_of_all_speakers_are_in_order_and_may_overlap():
    found = stretches_of(active("0011100", "0111000", "0000000"), 0, 2_400)

    assert found == [(630, 1_440, 1), (900, 1_710, 0)]


def test_any_pause_separates_two_stretches():
    assert len(stretches_of(active("1101011"), 0, 2_400)) == 3


def test_confidence_of_a_stretch_is_the_mean_of_its_frames():
    evidence = np.array([[0.9, 0.1], [0.5, 0.3], [0.7, 0.8], [0.1, 1.0]], np.float32)
    found = activity_stretches(active("1100", "0111"), evidence, 0, 1_500)

    assert [stretch.speaker for stretch in found] == [0, 1]
    assert [stretch.confidence for stretch in found] == pytest.approx([0.7, 0.7])
    assert [type(value) for value in found[0]] == [int, int, int, float]


def test_no_activity_has_no_stretches():
    assert stretches_of(np.zeros((5, 2), bool), 0, 2_000) == []
    assert stretches_of(np.zeros((0, 2), bool), 0, 300) == []


@pytest.mark.parametrize(
    ("begin", "end", "left"),
    [
        (40, 60, [(10, 40), (60, 90)]),
        (0, 50, [(50, 90)]),
        (50, 100, [(10, 50)]),
        (10, 90, []),
        (0, 100, []),
        (0, 10, [(10, 90)]),
        (90, 100, [(10, 90)]),
        (91, 99, [(10, 90)]),
    ],
)
def test_cutting_keeps_what_is_outside(begin, end, left):
    assert cut_out([Stretch(10, 90, 2, 0.7)], begin, end) == sure(
        [(*edges, 2) for edges in left], 0.7
    )


def test_all_speakers_are_cut():
    stretches = sure([(0, 50, 0), (20, 30, 1), (60, 70, 0)])

    assert cut_out(stretches, 25, 40) == sure([(0, 25, 0), (40, 50, 0), (20, 25, 1), (60, 70, 0)])
    assert cut_out([], 25, 40) == []


@seeded()
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=6),
    st.integers(0, 35),
    st.integers(1, 10),
)
def test_a_cut_removes_exactly_its_samples(stretches, begin, length):
    rows = [(first, first + n, speaker) for speaker, (first, n) in enumerate(stretches)]
    found = cut_out(sure(rows), begin, begin + length)

    def samples(parts):
        return sorted((at, part[2]) for part in parts for at in range(part[0], part[1]))

    outside = [row for row in samples(rows) if not begin <= row[0] < begin + length]
    assert samples(found) == outside, "each sample once"


def turns(*rows):
    return joined_turns(sure(rows))


def test_stretches_of_a_speaker_that_touch_across_blocks_are_one_turn():
    assert turns((8_000, 16_000, 0), (16_000, 24_000, 0), (24_001, 32_000, 0)) == [
        Turn(0.5, 1.5, 0),
        Turn(24_001 / SECOND, 2.0, 0),
    ]


def test_confidence_of_a_joined_turn_is_weighted_by_length():
    stretches = [Stretch(0, 8_000, 0, 0.9), Stretch(8_000, 32_000, 0, 0.5)]

    # 0.5 s and 1.5 s; after that 2 s of both and 1 s more
    assert joined_turns(stretches) == [Turn(0.0, 2.0, 0, pytest.approx(0.6))]
    three = joined_turns([*stretches, Stretch(32_000, 48_000, 0, 0.9)])
    assert three == [Turn(0.0, 3.0, 0, pytest.approx(0.7))]


def test_separate_turns_keep_their_own_confidence():
    stretches = [Stretch(0, 16_000, 0, 0.9), Stretch(16_000, 32_000, 1, 0.5)]

    assert joined_turns(stretches) == [Turn(0, 1, 0, 0.9), Turn(1, 2, 1, 0.5)]


def test_touching_stretches_of_different_speakers_stay_apart():
    assert turns((0, 16_000, 3), (16_000, 32_000, 1)) == [Turn(0, 1, 3), Turn(1, 2, 1)]


def test_speakers_who_overlap_both_keep_their_turns():
    assert turns((0, 32_000, 1), (16_000, 24_000, 0), (32_000, 48_000, 1)) == [
        Turn(0.0, 3.0, 1),
        Turn(1.0, 1.5, 0),
    ]


def test_a_stretch_inside_another_of_the_speaker_does_not_shorten_it():
    assert turns((0, 48_000, 1), (16_000, 24_000, 1)) == [Turn(0, 3, 1)]


def test_speakers_keep_their_numbers_and_turns_are_in_order_of_begin():
    # blocks come in order, a stretch added afterwards comes last
    assert turns((16_000, 32_000, 7), (48_000, 64_000, 2), (0, 16_000, 5)) == [
        Turn(0, 1, 5),
        Turn(1, 2, 7),
        Turn(3, 4, 2),
    ]
    assert turns() == []


def test_turns_hold_plain_numbers():
    (turn,) = joined_turns([Stretch(0, 8_000, 4, 0.5), Stretch(8_000, 16_000, 4, 0.75)])
    values = turn.start_s, turn.end_s, turn.label, turn.confidence

    assert [type(value) for value in values] == [float, float, int, float]


@seeded()
@given(st.integers(1, 4), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(0, 999))
def test_turns_of_blocks_hold_every_active_frame_once(n_speakers, lengths, seed):
    rng = np.random.default_rng(seed)
    stretches, offset, n_active = [], 0, np.zeros(n_speakers)
    for length in lengths:
        activity = rng.random((length, n_speakers)) < 0.5
        n_samples = 270 * length + 495
        evidence = rng.random(activity.shape, np.float32)
        edges = np.append(270 * np.arange(length) + 360, n_samples)
        edges[0] = 0
        n_active += np.diff(edges) @ activity
        stretches += activity_stretches(activity, evidence, offset, n_samples)
        offset += n_samples
    found = joined_turns(stretches)

    assert [turn.start_s for turn in found] == sorted(turn.start_s for turn in found)
    assert all(0 <= turn.confidence <= 1 for turn in found)
    for label in range(n_speakers):
        own = [turn for turn in found if turn.label == label]
        assert round(sum(turn.end_s - turn.start_s for turn in own) * SECOND) == n_active[label]
        assert all(a.end_s < b.start_s for a, b in pairwise(own))
