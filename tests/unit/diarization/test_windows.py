"""Windows of segments, and their features in batches."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.arrays import SAMPLE_RATE_HZ, samples_of
from diarization.fbank import fbank, window_features
from diarization.options import WindowOptions
from diarization.windows import WindowPlan, subsegment, window_batches
from unit.seeded import seeded

ONE_SECOND = WindowOptions(length_s=1.0, hop_s=0.5)  # 16 000 and 8000 samples


def windows_of(*segments, options=ONE_SECOND):
    return subsegment(np.array(segments, np.int64).reshape(-1, 2), options).tolist()


def test_no_segment_gives_no_window():
    windows = subsegment(np.empty((0, 2), np.int64), ONE_SECOND)

    assert windows.shape == (0, 2)
    assert windows.dtype == np.int64


@pytest.mark.parametrize("end", [101, 500, 16_099, 16_100])
def test_a_segment_no_longer_than_a_window_is_one_window(end):
    assert windows_of([100, end]) == [[100, end]]


def test_a_segment_one_sample_longer_has_a_second_window():
    assert windows_of([0, 16_001]) == [[0, 16_000], [1, 16_001]]


def test_windows_start_every_hop_and_end_with_the_segment():
    assert windows_of([1000, 33_000]) == [[1000, 17_000], [9000, 25_000], [17_000, 33_000]]


def test_the_last_window_is_shifted_back_to_full_length():
    assert windows_of([0, 26_000]) == [[0, 16_000], [8000, 24_000], [10_000, 26_000]]


def test_segments_are_cut_one_by_one():
    assert windows_of([0, 500], [900, 1500], [20_000, 37_000]) == [
        [0, 500],
        [900, 1500],
        [20_000, 36_000],
        [21_000, 37_000],
    ]


def test_windows_need_not_overlap():
    side_by_side = WindowOptions(length_s=1.0, hop_s=1.0)

    assert windows_of([0, 40_000], options=side_by_side) == [
        [0, 16_000],
        [16_000, 32_000],
        [24_000, 40_000],
    ]


@st.composite
def segment_lists(draw):
    """Sorted, disjoint segments of up to 10 s."""
    lengths = draw(st.lists(st.integers(1, 160_000), min_size=2, max_size=12))
    edges = np.cumsum(lengths)[: len(lengths) // 2 * 2]
    return edges.reshape(-1, 2)


@seeded()
@given(
    segments=segment_lists(),
    length_s=st.floats(0.1, 3),
    share=st.floats(0.1, 1),
)
def test_windows_cover_every_segment_and_nothing_else(segments, length_s, share):
    options = WindowOptions(length_s=length_s, hop_s=length_s * share)
    windows = subsegment(segments, options)

    covered = np.zeros(segments[-1, 1] + 1, np.int64)
    for begin, end in windows:
        covered[begin:end] = 1
    spoken = np.zeros_like(covered)
    for begin, end in segments:
        spoken[begin:end] = 1
    assert (covered == spoken).all()


@seeded()
@given(segments=segment_lists())
def test_windows_have_one_length_where_the_segment_is_longer(segments):
    windows = subsegment(segments, ONE_SECOND)

    assert (np.diff(windows, axis=0) > 0).all(), "begins and ends both rise"
    for begin, end in windows:
        segment = segments[(segments[:, 0] <= begin) & (end <= segments[:, 1])]
        assert len(segment) == 1, "no window leaves its segment"
        assert end - begin == min(16_000, np.diff(segment[0])[0])


SECOND = 16_000


def quiet(_stage):
    return nullcontext()


def noise(length_s, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, round(length_s * SECOND)).astype(np.float32)


def test_features_of_a_batch_are_those_of_its_windows():
    samples = noise(6)
    segments = np.array([[0, 3 * SECOND], [4 * SECOND, 4 * SECOND + 5000]])
    windows = subsegment(segments, WindowOptions(length_s=1.0, hop_s=0.5))
    batches = list(window_batches(samples, windows, WindowPlan(1.0, "povey", 4), fbank, quiet))

    wanted = window_features(fbank(samples, "povey"), windows, 98)
    assert [len(batch.windows) for batch in batches] == [4, 2]
    assert np.concatenate([batch.windows for batch in batches]).tolist() == windows.tolist()
    assert np.array_equal(np.concatenate([batch.features for batch in batches]), wanted)
    assert wanted.dtype == np.float32


def test_no_windows_give_no_batches_and_no_features_are_computed():
    entered = []

    def stopwatch(stage):
        entered.append(stage)
        return nullcontext()

    no_windows = np.empty((0, 2), np.int64)
    assert (
        list(window_batches(noise(1), no_windows, WindowPlan(1, "povey", 4), fbank, stopwatch))
        == []
    )
    assert entered == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 8, 64])
def test_every_window_is_in_one_batch_in_order(at_once):
    samples = noise(4)
    windows = subsegment(np.array([[0, 4 * SECOND]]), WindowOptions(length_s=1.0, hop_s=0.5))
    plan = WindowPlan(1.0, "hamming", at_once)
    batches = list(window_batches(samples, windows, plan, fbank, quiet))

    assert len(windows) == 7
    assert len(batches) == -(-7 // at_once)
    assert all(len(batch.windows) == at_once for batch in batches[:-1])
    assert np.concatenate([batch.windows for batch in batches]).tolist() == windows.tolist()


@pytest.mark.parametrize("n_samples", [400, 1000, 15_999])
def test_a_short_window_is_repeated_to_full_length(n_samples):
    window = np.array([[0, n_samples]])
    (batch,) = window_batches(
        noise(1)[:n_samples], window, WindowPlan(1.0, "povey", 9), fbank, quiet
    )

    n_own = 1 + (n_samples - 400) // 160
    assert batch.features.shape == (1, 98, 80)
    assert np.array_equal(batch.features[0, n_own:], batch.features[0, : 98 - n_own])


def test_only_the_computation_of_features_is_timed():
    inside = []

    @contextmanager
    def stopwatch(stage):
        assert inside == []
        inside.append(stage)
        yield
        inside.pop()

    windows = subsegment(np.array([[0, 2 * SECOND]]), WindowOptions(length_s=1.0, hop_s=0.5))
    n_batches = 0
    for _ in window_batches(noise(2), windows, WindowPlan(1.0, "povey", 1), fbank, stopwatch):
        assert inside == []
        n_batches += 1
    assert n_batches == 3


@pytest.mark.parametrize(
    ("seconds", "n_samples"),
    [
        (0, 0),
        (1, 16_000),
        (1.5, 24_000),
        (0.025, 400),
        (0.032, 512),
        (0.1, 1600),
        (3600, 57_600_000),
    ],
)
def test_durations_are_whole_samples(seconds, n_samples):
    assert samples_of(seconds) == n_samples
    assert isinstance(samples_of(seconds), int)


def test_the_nearest_sample_is_taken():
    assert samples_of(10.4 / SAMPLE_RATE_HZ) == 10
    assert samples_of(10.6 / SAMPLE_RATE_HZ) == 11
