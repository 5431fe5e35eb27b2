"""Windows with their features, a batch at a time."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from diarization.fbank import fbank, window_features
from diarization.options import WindowOptions
from diarization.windows import WindowPlan, subsegment, window_batches

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
    batches = list(window_batches(samples, windows, WindowPlan(1.0, "povey", 4), quiet))

    wanted = window_features(fbank(samples, "povey"), windows, 98)
    assert [len(batch.windows) for batch in batches] == [4, 2]
    assert np.concatenate([batch.windows for batch in batches]).tolist() == windows.tolist()
    assert np.array_equal(np.concatenate([batch.features for batch in batches]), wanted)
    assert wanted.dtype == np.float32


def test_no_windows_are_no_batches_and_no_features_are_computed():
    entered = []

    def stopwatch(stage):
        entered.append(stage)
        return nullcontext()

    no_windows = np.empty((0, 2), np.int64)
    assert list(window_batches(noise(1), no_windows, WindowPlan(1, "povey", 4), stopwatch)) == []
    assert entered == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 8, 64])
def test_every_window_is_in_one_batch_in_order(at_once):
    samples = noise(4)
    windows = subsegment(np.array([[0, 4 * SECOND]]), WindowOptions(length_s=1.0, hop_s=0.5))
    plan = WindowPlan(1.0, "hamming", at_once)
    batches = list(window_batches(samples, windows, plan, quiet))

    assert len(windows) == 7
    assert len(batches) == -(-7 // at_once)
    assert all(len(batch.windows) == at_once for batch in batches[:-1])
    assert np.concatenate([batch.windows for batch in batches]).tolist() == windows.tolist()


@pytest.mark.parametrize("n_samples", [400, 1000, 15_999])
def test_a_short_window_is_repeated_to_full_length(n_samples):
    window = np.array([[0, n_samples]])
    (batch,) = window_batches(noise(1)[:n_samples], window, WindowPlan(1.0, "povey", 9), quiet)

    n_own = 1 + (n_samples - 400) // 160
    assert batch.features.shape == (1, 98, 80)
    assert np.array_equal(batch.features[0, n_own:], batch.features[0, : 98 - n_own])


def test_computing_is_timed_and_the_work_on_a_batch_is_not():
    inside = []

    @contextmanager
    def stopwatch(stage):
        assert inside == []
        inside.append(stage)
        yield
        inside.pop()

    windows = subsegment(np.array([[0, 2 * SECOND]]), WindowOptions(length_s=1.0, hop_s=0.5))
    n_batches = 0
    for _ in window_batches(noise(2), windows, WindowPlan(1.0, "povey", 1), stopwatch):
        assert inside == []
        n_batches += 1
    assert n_batches == 3
