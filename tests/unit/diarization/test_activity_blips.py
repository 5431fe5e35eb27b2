"""Stretches too short to be turns, pauses too short to be any, and one speaker at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.activity import one_at_a_time, pauses_filled, without_blips
from diarization.sad import runs
from unit.planted_activity import active, texts
from unit.seeded import seeded


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


def test_a_blip_between_the_turns_of_another_is_his():
    assert left("11100111", "00011000") == ["11111111", "00000000"]


def test_a_blip_beside_one_turn_is_its_speakers():
    assert left("11100000", "00011000") == ["11111000", "00000000"]
    assert left("00000111", "00011000") == ["00011111", "00000000"]


@pytest.mark.parametrize(
    ("weights", "first", "third"),
    [((0.2, 0.3), "111100000", "000011111"), ((0.3, 0.2), "111111000", "000000111")],
)
def test_of_two_beside_a_blip_the_likeliest_takes_it(weights, first, third):
    columns = ["111100000", "000011000", "000000111", "000000000"]
    evidence = [weights[0], 0.4, weights[1], 0.9]  # the likeliest of all talks nowhere near

    assert left(*columns, evidence=evidence) == [first, "000000000", third, "000000000"]


def test_the_likeliest_is_so_by_the_frames_of_the_blip():
    evidence = np.full((9, 3), 0.1, np.float32)
    evidence[:4, 0] = evidence[6:, 0] = 0.9
    evidence[4:6, 2] = 0.2
    found = without_blips(active("111100000", "000011000", "000000111"), evidence, 3)

    assert texts(found) == ["111100000", "000000000", "000011111"]


def test_a_blip_in_the_turn_of_another_just_goes():
    assert left("11111111", "00011000") == ["11111111", "00000000"]
    assert left("11111000", "00011000") == ["11111000", "00000000"], "up to its very end"


def test_a_blip_that_a_third_accompanies_goes_without_being_given_to_anybody():
    # the first ends where the blip begins, but the third talks all the while
    assert left("11100000", "00011000", "00111100") == ["11100000", "00000000", "00111100"]


def test_a_blip_that_is_accompanied_in_part_goes_to_who_talks_beside_it():
    assert left("11110000", "00011000") == ["11111000", "00000000"]


@pytest.mark.parametrize("columns", [["00011000"], ["11000000", "00011000", "00000011"]])
def test_a_blip_with_nobody_beside_it_stays(columns):
    assert left(*columns) == columns


def test_a_speaker_is_not_beside_himself():
    assert left("0110110") == ["0110110"]


def test_a_blip_at_either_end_may_go_on_in_the_next_block_and_stays():
    assert left("11000000", "00111111") == ["11000000", "00111111"]
    assert left("00000011", "11111100") == ["00000011", "11111100"]
    assert left("1", "0") == ["1", "0"]


def test_of_two_blips_in_a_row_none_is_left():
    # the third takes the second's two frames, and has four with its own
    taken = left("1110000111", "0001100000", "0000011000", evidence=[0.3, 0.4, 0.5])

    assert taken == ["1110000111", "0000000000", "0001111000"]


@seeded()
@given(st.integers(1, 4), st.integers(0, 9), st.integers(0, 999))
def test_nobody_falls_silent_where_somebody_talked_and_nobody_starts_in_silence(
    n_speakers, n_least, seed
):
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
def test_what_is_left_of_blips_has_nobody_beside_it(n_speakers, n_least, seed):
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


def test_pauses_are_filled_whoever_else_talks():
    before = active("1001001", "0110000", "0000000")

    assert texts(pauses_filled(before, 3)) == ["1111111", "0110000", "0000000"]
    assert texts(before) == ["1001001", "0110000", "0000000"]


def test_no_frames_have_no_pauses():
    assert pauses_filled(np.empty((0, 2), bool), 5).shape == (0, 2)


def test_of_several_at_once_the_likeliest_talks():
    evidence = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.1, 0.2], [0.1, 0.9], [0.1, 0.9]]

    # the second is likelier in the last frame but silent; in silence nobody starts
    assert likeliest("011101", "001100", evidence=evidence) == ["010001", "001100"]


def test_of_equally_likely_ones_the_first_who_talks():
    assert likeliest("0", "1", "1", evidence=[[0.5, 0.5, 0.5]]) == ["0", "1", "0"]


@seeded()
@given(st.integers(1, 5), st.integers(0, 40), st.integers(0, 999))
def test_one_talks_wherever_any_did(n_speakers, n_frames, seed):
    rng = np.random.default_rng(seed)
    activity = rng.random((n_frames, n_speakers)) < 0.4
    found = one_at_a_time(activity, rng.random((n_frames, n_speakers), np.float32))

    assert found.sum(axis=1).tolist() == activity.any(axis=1).astype(int).tolist()
    assert not (found & ~activity).any()
