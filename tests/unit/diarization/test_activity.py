"""Frames -> who talks, on paper; times in the tests are in frames of 270 samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diarization.full.activity import decide, speech_frames, within
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
