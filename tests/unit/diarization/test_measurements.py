"""What a request cost; the clock of these tests is set by hand."""

import numpy as np
import pytest

from diarization import measurements
from diarization.measurements import Measurements


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def perf_counter(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measurements, "time", clock)
    return clock


def test_without_stages_only_the_total_is_counted(clock):
    spent = Measurements()
    clock.now_s += 3

    assert spent.stage_s == {"total": 3.0}
    assert spent.audio_s == 0


def test_the_times_of_a_stage_add_up(clock):
    spent = Measurements()
    for stage, seconds in (("sad", 1), ("embed", 5), ("sad", 2)):
        with spent.stage(stage):
            clock.now_s += seconds
        clock.now_s += 10

    assert spent.stage_s == {"sad": 3.0, "embed": 5.0, "total": 38.0}


def test_a_stage_that_fails_is_timed_and_raises(clock):
    spent = Measurements()

    def fail():
        with spent.stage("sad"):
            clock.now_s += 4
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert spent.stage_s["sad"] == 4


def test_decoding_counts_the_samples_it_passes_on(clock):
    def blocks():
        for n_samples in (16_000, 8000, 0):
            clock.now_s += 2
            yield np.zeros(n_samples, np.float32)
        clock.now_s += 1

    spent = Measurements()
    lengths = []
    for block in spent.decoding(blocks()):
        lengths.append(len(block))
        clock.now_s += 50  # work of others on the block is not decoding

    assert lengths == [16_000, 8000, 0]
    assert spent.audio_s == 1.5
    assert spent.stage_s == {"decode": 7.0, "total": 157.0}


def test_several_passes_add_up_in_time_but_not_in_length(clock):
    def blocks():
        for n_samples in (16_000, 8000):
            clock.now_s += 2
            yield np.zeros(n_samples, np.float32)

    spent = Measurements()
    lengths = [len(block) for _ in range(3) for block in spent.decoding(blocks())]

    assert lengths == [16_000, 8000] * 3
    assert spent.audio_s == 1.5
    assert spent.stage_s["decode"] == 12


def test_decoding_is_lazy(clock):
    def blocks():
        yield np.zeros(16_000, np.float32)
        raise AssertionError("the second block was not asked for")

    spent = Measurements()
    next(spent.decoding(blocks()))

    assert spent.audio_s == 1


def test_each_request_is_measured_separately(clock):
    first = Measurements()
    with first.stage("sad"):
        clock.now_s += 1

    assert Measurements().stage_s == {"total": 0.0}
