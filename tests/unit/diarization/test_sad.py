"""Frame probabilities -> segments; times in the tests are in frames of 512 samples."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diarization.options import SadOptions
from diarization.sad import FRAME_SAMPLES, hysteresis, join_close, runs, speech_segments
from unit.seeded import seeded

FRAME_S = FRAME_SAMPLES / 16_000
BARE = SadOptions(onset=0.5, offset=0.3, fill_s=0.0, drop_s=0.025, pad_s=0.0)


def frames(segments):
    return (np.asarray(segments) / FRAME_SAMPLES).tolist()


def segments_of(probs, **options):
    probs = np.array(probs, np.float32)
    bare = {"onset": 0.5, "offset": 0.3, "fill_s": 0.0, "drop_s": 0.025, "pad_s": 0.0}
    return speech_segments(probs, len(probs) * FRAME_SAMPLES, SadOptions(**{**bare, **options}))


@pytest.mark.parametrize(
    ("probs", "active"),
    [
        ([], []),
        ([0.4], [0]),
        ([0.5], [1]),
        ([0.4, 0.6, 0.4, 0.3, 0.2, 0.4], [0, 1, 1, 1, 0, 0]),
        ([0.9, 0.2, 0.9, 0.4, 0.4], [1, 0, 1, 1, 1]),
        ([0.4, 0.4, 0.2, 0.4, 0.6], [0, 0, 0, 0, 1]),
    ],
)
def test_speech_lasts_from_onset_until_below_offset(probs, active):
    decided = hysteresis(np.array(probs, np.float32), np.float32(0.5), np.float32(0.3))

    assert decided.astype(int).tolist() == active


@pytest.mark.parametrize(
    ("active", "found"),
    [
        ([], []),
        ([0, 0], []),
        ([1], [[0, 1]]),
        ([0, 1, 1, 0, 1], [[1, 3], [4, 5]]),
        ([1, 1, 0, 0, 1, 0], [[0, 2], [4, 5]]),
    ],
)
def test_runs_are_begin_and_end_of_every_stretch(active, found):
    found_runs = runs(np.array(active, bool))

    assert found_runs.tolist() == found
    assert found_runs.shape == (len(found), 2)
    assert found_runs.dtype == np.int64


@pytest.mark.parametrize(
    ("min_gap", "joined"),
    [
        (0, [[0, 5], [5, 10], [13, 20]]),
        (1, [[0, 10], [13, 20]]),
        (3, [[0, 10], [13, 20]]),
        (4, [[0, 20]]),
    ],
)
def test_only_gaps_shorter_than_the_limit_are_filled(min_gap, joined):
    segments = np.array([[0, 5], [5, 10], [13, 20]])

    assert join_close(segments, min_gap).tolist() == joined
    assert join_close(segments[:0], min_gap).shape == (0, 2)


def test_no_speech_has_no_segments():
    for probs in ([], [0.0], [0.49] * 100):
        segments = segments_of(probs)
        assert segments.shape == (0, 2)
        assert segments.dtype == np.int64


def test_speech_from_end_to_end_is_one_segment():
    assert segments_of([0.9] * 10).tolist() == [[0, 5120]]


def test_a_gap_of_exactly_fill_s_stays():
    probs = [1, 0, 0, 1, 0, 0, 0, 1]

    assert frames(segments_of(probs, fill_s=3 * FRAME_S)) == [[0, 4], [7, 8]]


def test_speech_of_exactly_drop_s_stays():
    probs = [1, 1, 0, 1, 1, 1, 0, 1]

    assert frames(segments_of(probs, drop_s=3 * FRAME_S)) == [[3, 6]]


def test_gaps_are_filled_before_blips_are_dropped():
    probs = [1, 0, 1, 0, 0, 0, 1]

    assert frames(segments_of(probs, fill_s=2 * FRAME_S, drop_s=3 * FRAME_S)) == [[0, 3]]


def test_padding_stays_inside_the_audio_and_joins_what_it_makes_touch():
    probs = [1, 0, 0, 1, 0, 0, 0, 0, 1, 0]

    assert frames(segments_of(probs, pad_s=FRAME_S)) == [[0, 5], [7, 10]]


def test_a_last_frame_that_is_not_full_ends_with_the_audio():
    probs = np.array([0, 1, 1], np.float32)

    assert speech_segments(probs, 2 * FRAME_SAMPLES + 100, BARE).tolist() == [[512, 1124]]


prob_lists = arrays(np.float32, st.integers(0, 80), elements=st.floats(0, 1, width=32))


@seeded(100)
@given(
    probs=prob_lists,
    missing=st.integers(0, FRAME_SAMPLES - 1),
    fill_s=st.floats(0, 0.5),
    drop_s=st.floats(0.025, 0.5),
    pad_s=st.floats(0, 0.5),
)
@example(np.ones(1, np.float32), 511, 0.0, 0.025, 0.5)
def test_segments_are_sorted_disjoint_and_inside_the_audio(probs, missing, fill_s, drop_s, pad_s):
    n_samples = max(0, len(probs) * FRAME_SAMPLES - missing)
    options = SadOptions(fill_s=fill_s, drop_s=drop_s, pad_s=pad_s)
    segments = speech_segments(probs, n_samples, options)

    assert (np.diff(segments, axis=1) >= 400).all(), "long enough for one frame of features"
    assert (np.diff(segments.ravel()) > 0).all()
    assert segments.size == 0 or (segments.min() >= 0 and segments.max() <= n_samples)


@seeded()
@given(probs=prob_lists)
def test_without_smoothing_every_frame_over_onset_is_speech_and_none_below_offset(probs):
    bare = SadOptions(onset=0.6, offset=0.6, fill_s=0.0, drop_s=0.025, pad_s=0.0)
    spoken = np.zeros(len(probs) * FRAME_SAMPLES, bool)
    for begin, end in speech_segments(probs, len(spoken), bare):
        spoken[begin:end] = True

    assert spoken.tolist() == np.repeat(probs >= 0.6, FRAME_SAMPLES).tolist()


@seeded()
@given(probs=prob_lists)
def test_probabilities_are_left_as_they_were(probs):
    before = probs.copy()
    speech_segments(probs, len(probs) * FRAME_SAMPLES, SadOptions())

    assert probs.tobytes() == before.tobytes()
