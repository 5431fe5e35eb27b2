"""Frames -> turns, on paper; times in the tests are in frames of 270 samples where not said."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diarization.activity import (
    activity_stretches,
    decide,
    joined_turns,
    speech_frames,
    within,
)
from diarization.turns import Turn
from unit.seeded import seeded

FRAME_S = 270 / 16_000


def speech(probs, fill=0, drop=0, threshold=0.5):
    found = speech_frames(np.array(probs, "f"), threshold, fill * FRAME_S, drop * FRAME_S)
    assert found.dtype == bool
    return found.astype(int).tolist()


def active(*columns):
    """One text of 1 and 0 per speaker."""
    return np.array([[digit == "1" for digit in column] for column in columns]).T


def test_a_frame_is_speech_from_the_threshold_on():
    assert speech([0.49, 0.5, 0.51, 0, 1]) == [0, 1, 1, 0, 1]
    assert speech([]) == []


def test_gaps_shorter_than_the_limit_are_filled():
    probs = [0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0]

    assert speech(probs, fill=2) == probs
    assert speech(probs, fill=3) == [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0]
    assert speech(probs, fill=4) == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]


def test_blips_shorter_than_the_limit_are_dropped():
    probs = [1, 0, 1, 1, 0, 1, 1, 1]

    assert speech(probs, drop=1) == probs
    assert speech(probs, drop=2) == [0, 0, 1, 1, 0, 1, 1, 1]
    assert speech(probs, drop=3) == [0, 0, 0, 0, 0, 1, 1, 1]
    assert speech(probs, drop=4) == [0] * 8


def test_gaps_are_filled_before_blips_are_dropped():
    assert speech([1, 0, 1, 0, 0, 0, 1], fill=2, drop=3) == [1, 1, 1, 0, 0, 0, 0]


@seeded()
@given(
    arrays(np.float32, st.integers(0, 60), elements=st.floats(0, 1, width=32)),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_what_is_left_has_no_short_gap_and_no_short_blip(probs, fill, drop):
    found = speech(probs, fill, drop)
    stretches = "".join(map(str, found)).strip("0")

    assert len(found) == len(probs)
    assert all(len(gap) >= fill for gap in stretches.split("1") if gap)
    assert all(len(blip) >= drop for blip in stretches.split("0") if blip)


@pytest.mark.parametrize(
    ("stretches", "n_frames", "inside"),
    [
        ([], 0, []),
        ([], 3, [0, 0, 0]),
        ([[0, 3]], 3, [1, 1, 1]),
        ([[1, 2], [4, 6]], 6, [0, 1, 0, 0, 1, 1]),
        ([[1, 3], [3, 4]], 5, [0, 1, 1, 1, 0]),
        ([[0, 2], [1, 3]], 4, [1, 1, 1, 0]),
    ],
)
def test_frames_within_stretches(stretches, n_frames, inside):
    found = within(np.array(stretches, np.int64).reshape(-1, 2), n_frames)

    assert found.astype(int).tolist() == inside
    assert found.dtype == bool


@pytest.mark.parametrize(
    ("expected_count", "speakers"),
    [
        (0.0, {1}),
        (0.9, {1}),
        (1.49, {1}),
        (1.5, {0, 1}),
        (2.4, {0, 1}),
        (2.5, {0, 1, 2}),
        (9, {0, 1, 2}),
    ],
)
def test_as_many_speakers_as_are_expected_the_likeliest(expected_count, speakers):
    evidence = np.array([[0.3, 0.6, 0.1]], np.float32)
    found = decide(evidence, np.array([expected_count], np.float32), np.array([True]))

    assert set(np.flatnonzero(found[0]).tolist()) == speakers


def test_of_equally_likely_speakers_the_first():
    evidence = np.array([[0.5, 0.5, 0.5], [0.2, 0.4, 0.4], [0.0, 0.0, 0.0]], np.float32)
    count = np.array([2, 1, 1], np.float32)

    found = decide(evidence, count, np.ones(3, bool))
    assert found.astype(int).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_of_very_many_equally_likely_speakers_the_first_too():
    found = decide(np.tile(np.array([0, 1], "f"), (1, 50)), np.array([3], "f"), np.ones(1, bool))

    assert np.flatnonzero(found[0]).tolist() == [1, 3, 5]


def test_nobody_talks_outside_speech():
    evidence = np.ones((2, 3), np.float32)

    found = decide(evidence, np.array([3, 2], np.float32), np.array([False, True]))
    assert found.sum(axis=1).tolist() == [0, 2]
    assert decide(evidence[:0], np.empty(0, "f"), np.empty(0, bool)).shape == (0, 3)


@seeded()
@given(st.integers(1, 5), st.integers(0, 40), st.integers(0, 999))
def test_decisions_are_the_top_of_each_frame(n_speakers, n_frames, seed):
    rng = np.random.default_rng(seed)
    evidence = rng.integers(0, 4, (n_frames, n_speakers)).astype(np.float32)
    count = rng.uniform(0, 4, n_frames).astype(np.float32)
    spoken = rng.random(n_frames) < 0.7
    found = decide(evidence, count, spoken)

    rounded = np.clip([int(value + 0.5) for value in count], 1, n_speakers)
    for row, is_active, n_wanted, speaks in zip(evidence, found, rounded, spoken, strict=True):
        likeliest = sorted(range(n_speakers), key=lambda k: (-row[k], k))[: n_wanted * speaks]
        assert set(np.flatnonzero(is_active).tolist()) == set(likeliest)


def test_stretches_go_from_centre_to_centre_in_samples_of_the_recording():
    found = activity_stretches(active("0011001100"), 100_000, 3_300, 0.0)

    # frames 2 ... 3 and 6 ... 7, centres 270 i + 495
    assert found == [(101_035, 101_575, 0), (102_115, 102_655, 0)]


def test_the_first_and_the_last_frame_reach_the_ends_of_the_block():
    assert activity_stretches(active("1000"), 0, 1_500, 0.0) == [(0, 765, 0)]
    assert activity_stretches(active("0001"), 0, 1_500, 0.0) == [(1_305, 1_500, 0)]
    assert activity_stretches(active("1"), 5_000, 600, 0.0) == [(5_000, 5_600, 0)]


@pytest.mark.parametrize(("fill", "n_found"), [(0, 3), (2, 3), (3, 2), (4, 1)])
def test_pauses_of_a_speaker_shorter_than_the_limit_are_filled(fill, n_found):
    found = activity_stretches(active("0100100010", "0011000000"), 0, 3_300, fill * FRAME_S)

    assert len([speaker for *_, speaker in found if speaker == 0]) == n_found
    assert (270 * 2 + 495, 270 * 4 + 495, 1) in found, "while the other one goes on"


def test_stretches_of_all_speakers_are_in_order_and_may_overlap():
    found = activity_stretches(active("0011100", "0111000", "0000000"), 0, 2_400, 0.0)

    assert found == [(765, 1_575, 1), (1_035, 1_845, 0)]


def test_no_activity_has_no_stretches():
    assert activity_stretches(np.zeros((5, 2), bool), 0, 2_000, 0.5) == []
    assert activity_stretches(np.zeros((0, 2), bool), 0, 300, 0.5) == []


def test_stretches_of_a_speaker_that_touch_across_blocks_are_one_turn():
    stretches = [(8_000, 16_000, 0), (16_000, 24_000, 0), (24_001, 32_000, 0)]

    assert joined_turns(stretches) == [Turn(0.5, 1.5, 0), Turn(24_001 / 16_000, 2.0, 0)]


def test_touching_stretches_of_different_speakers_stay_apart():
    assert joined_turns([(0, 16_000, 3), (16_000, 32_000, 1)]) == [Turn(0, 1, 0), Turn(1, 2, 1)]


def test_speakers_who_overlap_both_keep_their_turns():
    stretches = [(0, 32_000, 1), (16_000, 24_000, 0), (32_000, 48_000, 1)]

    assert joined_turns(stretches) == [Turn(0.0, 3.0, 0), Turn(1.0, 1.5, 1)]


def test_labels_follow_first_appearance_and_turns_are_in_order_of_begin():
    # blocks come in order, a stretch added afterwards comes last
    stretches = [(16_000, 32_000, 7), (48_000, 64_000, 2), (0, 16_000, 5)]

    assert joined_turns(stretches) == [Turn(0, 1, 0), Turn(1, 2, 1), Turn(3, 4, 2)]
    assert joined_turns([]) == []


def test_turns_hold_plain_numbers():
    (turn,) = joined_turns([(0, 16_000, 4)])

    assert [type(value) for value in (turn.start_s, turn.end_s, turn.label)] == [float, float, int]


@seeded()
@given(st.integers(1, 4), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(0, 999))
def test_turns_of_blocks_hold_every_active_frame_once(n_speakers, lengths, seed):
    rng = np.random.default_rng(seed)
    stretches, offset, n_active = [], 0, 0
    for length in lengths:
        activity = rng.random((length, n_speakers)) < 0.5
        n_samples = 270 * length + 495
        found = activity_stretches(activity, offset, n_samples, 0.0)
        edges = np.append(270 * np.arange(length) + 495, n_samples)
        edges[0] = 0
        n_active += int((np.diff(edges) @ activity).sum())
        stretches += found
        offset += n_samples
    turns = joined_turns(stretches)

    assert round(sum(turn.end_s - turn.start_s for turn in turns) * 16_000) == n_active
    assert sorted(turns, key=lambda turn: turn.start_s) == turns
    labels = list(dict.fromkeys(turn.label for turn in turns))
    assert labels == list(range(len(labels)))
    for label in range(n_speakers):
        own = [turn for turn in turns if turn.label == label]
        assert all(a.end_s < b.start_s for a, b in pairwise(own))
