"""Activity by frame: decided, cleaned of blips and pauses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diarization.full.activity import (
    decide,
    one_at_a_time,
    pauses_filled,
    speech_frames,
    within,
    without_blips,
)
from diarization.sad import runs
from unit.planted_activity import active, texts
from unit.seeded import seeded

FRAME_S = 270 / 16_000


def speech(probs, fill=0, drop=0, threshold=0.5):
    found = speech_frames(np.array(probs, "f"), threshold, fill * FRAME_S, drop * FRAME_S)
    assert found.dtype == bool
    return found.astype(int).tolist()


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
def test_the_likeliest_speakers_are_active_as_many_as_expected(expected_count, speakers):
    evidence = np.array([[0.3, 0.6, 0.1]], np.float32)
    found = decide(evidence, np.array([expected_count], np.float32), np.array([True]))

    assert set(np.flatnonzero(found[0]).tolist()) == speakers


def test_ties_go_to_the_first_speaker():
    evidence = np.array([[0.5, 0.5, 0.5], [0.2, 0.4, 0.4], [0.0, 0.0, 0.0]], np.float32)
    count = np.array([2, 1, 1], np.float32)

    found = decide(evidence, count, np.ones(3, bool))
    assert found.astype(int).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_ties_of_many_speakers_go_to_the_first_too():
    found = decide(np.tile(np.array([0, 1], "f"), (1, 50)), np.array([3], "f"), np.ones(1, bool))

    assert np.flatnonzero(found[0]).tolist() == [1, 3, 5]


def test_no_speaker_is_active_outside_speech():
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


def left(*columns, n_least=3, evidence=None):
    """What is left of the activity; the evidence is the same in all frames."""
    before = active(*columns)
    weights = np.tile(np.array(evidence or [0.5] * len(columns), np.float32), (len(before), 1))
    found = without_blips(before, weights, n_least)
    assert texts(before) == list(columns), "the argument is left as it was"
    return texts(found)


def likeliest(*columns, evidence):
    return texts(one_at_a_time(active(*columns), np.array(evidence, np.float32)))


@pytest.mark.parametrize("n_least", [0, 1, 2])
def test_a_stretch_of_the_least_length_stays(n_least):
    columns = ["11100111", "00011000"]

    assert left(*columns, n_least=n_least) == columns


def test_a_blip_between_turns_of_another_speaker_goes_to_that_speaker():
    assert left("11100111", "00011000") == ["11111111", "00000000"]


def test_a_blip_next_to_one_turn_goes_to_its_speaker():
    assert left("11100000", "00011000") == ["11111000", "00000000"]
    assert left("00000111", "00011000") == ["00011111", "00000000"]


@pytest.mark.parametrize(
    ("weights", "first", "third"),
    [((0.2, 0.3), "111100000", "000011111"), ((0.3, 0.2), "111111000", "000000111")],
)
def test_a_blip_between_two_speakers_goes_to_the_likelier(weights, first, third):
    columns = ["111100000", "000011000", "000000111", "000000000"]
    evidence = [weights[0], 0.4, weights[1], 0.9]  # the likeliest of all talks nowhere near

    assert left(*columns, evidence=evidence) == [first, "000000000", third, "000000000"]


def test_the_frames_of_the_blip_decide_who_is_likelier():
    evidence = np.full((9, 3), 0.1, np.float32)
    evidence[:4, 0] = evidence[6:, 0] = 0.9
    evidence[4:6, 2] = 0.2
    found = without_blips(active("111100000", "000011000", "000000111"), evidence, 3)

    assert texts(found) == ["111100000", "000000000", "000011111"]


def test_a_blip_inside_the_turn_of_another_is_removed():
    assert left("11111111", "00011000") == ["11111111", "00000000"]
    assert left("11111000", "00011000") == ["11111000", "00000000"], "up to its very end"


def test_a_blip_under_the_turn_of_a_third_speaker_is_removed():
    # the first ends where the blip begins, but the third talks throughout
    assert left("11100000", "00011000", "00111100") == ["11100000", "00000000", "00111100"]


def test_a_blip_partly_under_another_turn_goes_to_the_neighbour():
    assert left("11110000", "00011000") == ["11111000", "00000000"]


@pytest.mark.parametrize("columns", [["00011000"], ["11000000", "00011000", "00000011"]])
def test_a_blip_without_neighbours_stays(columns):
    assert left(*columns) == columns


def test_a_speaker_is_not_their_own_neighbour():
    assert left("0110110") == ["0110110"]


def test_a_blip_at_either_end_stays():
    assert left("11000000", "00111111") == ["11000000", "00111111"]
    assert left("00000011", "11111100") == ["00000011", "11111100"]
    assert left("1", "0") == ["1", "0"]


def test_two_blips_in_a_row_become_one_turn():
    # the third takes the second's two frames, and has four with its own
    taken = left("1110000111", "0001100000", "0000011000", evidence=[0.3, 0.4, 0.5])

    assert taken == ["1110000111", "0000000000", "0001111000"]


@seeded()
@given(st.integers(1, 4), st.integers(0, 9), st.integers(0, 999))
def test_removing_blips_neither_adds_nor_removes_speech(n_speakers, n_least, seed):
    rng = np.random.default_rng(seed)
    activity = np.repeat(rng.random((9, n_speakers)) < 0.4, rng.integers(1, 7, 9), axis=0)
    found = without_blips(activity, rng.random(activity.shape, np.float32), n_least)

    assert (found.any(axis=1) == activity.any(axis=1)).all()
    assert (found.sum(axis=1) <= activity.sum(axis=1)).all()
    for before, after in zip(activity.T, found.T, strict=True):
        kept = [slice(begin, end) for begin, end in runs(before) if end - begin >= n_least]
        assert all(after[frames].all() for frames in kept), "turns keep all that is theirs"


@seeded(100)
@given(st.integers(1, 4), st.integers(0, 9), st.integers(0, 9_999))
def test_remaining_blips_have_no_neighbours(n_speakers, n_least, seed):
    rng = np.random.default_rng(seed)
    activity = np.repeat(rng.random((9, n_speakers)) < 0.4, rng.integers(1, 7, 9), axis=0)
    found = without_blips(activity, rng.random(activity.shape, np.float32), n_least)

    for speaker, column in enumerate(found.T):
        others = np.delete(found, speaker, axis=1).any(axis=1)
        for begin, end in runs(column):
            if end - begin < n_least and begin > 0 and end < len(found):
                assert not others[[begin - 1, end]].any()
                assert not others[begin:end].all()


@pytest.mark.parametrize(
    ("n_shorter", "filled"),
    [
        (0, "0100100010"),
        (2, "0100100010"),
        (3, "0111100010"),
        (4, "0111111110"),
    ],
)
def test_pauses_shorter_than_the_limit_are_filled(n_shorter, filled):
    found = pauses_filled(active("0100100010"), n_shorter)

    assert texts(found) == [filled]
    assert found.dtype == bool


def test_pauses_are_filled_even_if_others_talk():
    before = active("1001001", "0110000", "0000000")

    assert texts(pauses_filled(before, 3)) == ["1111111", "0110000", "0000000"]
    assert texts(before) == ["1001001", "0110000", "0000000"]


def test_no_frames_have_no_pauses():
    assert pauses_filled(np.empty((0, 2), bool), 5).shape == (0, 2)


def test_one_at_a_time_keeps_the_likeliest_speaker():
    evidence = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.1, 0.2], [0.1, 0.9], [0.1, 0.9]]

    # the second is likelier in the last frame but silent; silence stays silence
    assert likeliest("011101", "001100", evidence=evidence) == ["010001", "001100"]


def test_one_at_a_time_keeps_the_first_of_equally_likely_speakers():
    assert likeliest("0", "1", "1", evidence=[[0.5, 0.5, 0.5]]) == ["0", "1", "0"]


@seeded()
@given(st.integers(1, 5), st.integers(0, 40), st.integers(0, 999))
def test_one_at_a_time_keeps_all_speech(n_speakers, n_frames, seed):
    rng = np.random.default_rng(seed)
    activity = rng.random((n_frames, n_speakers)) < 0.4
    found = one_at_a_time(activity, rng.random((n_frames, n_speakers), np.float32))

    assert found.sum(axis=1).tolist() == activity.any(axis=1).astype(int).tolist()
    assert not (found & ~activity).any()
