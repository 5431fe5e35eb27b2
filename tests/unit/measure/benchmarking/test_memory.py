"""Memory of processes, of planted sizes and of this process."""

import os
import threading

import pytest

from measure.benchmarking import memory
from measure.benchmarking.memory import PeakMemory, pss_bytes


def peak(monkeypatch, sizes):
    """Peak of a process whose (PSS, resident size) changes with every measurement."""
    asked = threading.Semaphore(0)
    planted = iter([(20, 1), *sizes])
    now = {}

    def pids():
        now["pss"], now["resident"] = next(planted, (20, 1))
        asked.release()
        return [11]

    monkeypatch.setattr(memory, "pss_bytes", lambda _: now["pss"])
    monkeypatch.setattr(memory, "resident_bytes", lambda _: now["resident"])
    with PeakMemory(pids) as watched:
        for _ in range(len(sizes) + 2):
            assert asked.acquire(timeout=10)
    return watched.peak_bytes


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(memory, "FIRST_S", 0.0)
    monkeypatch.setattr(memory, "EVERY_S", 0.0)


def test_peak_is_the_highest_pss(monkeypatch, at_once):
    assert peak(monkeypatch, [(300, 10), (900, 20), (500, 30)]) == 900


def test_pss_is_measured_only_when_the_resident_size_grows(monkeypatch, at_once):
    assert peak(monkeypatch, [(300, 1000), (900, 1010), (800, 990)]) == 300
    assert peak(monkeypatch, [(300, 1000), (400, 1030), (800, 1020)]) == 400


def test_short_run_is_measured_before_and_after(monkeypatch):
    sizes = iter([250, 700])
    monkeypatch.setattr(memory, "pss_bytes", lambda _: next(sizes))

    with PeakMemory(lambda: [11]) as watched:
        assert watched.peak_bytes == 250

    assert watched.peak_bytes == 700


def test_pss_of_this_process_and_of_one_that_has_ended():
    ended = 2**22 + 1  # beyond the kernel's largest pid

    assert pss_bytes([os.getpid()]) > 1_000_000
    assert pss_bytes([ended]) == 0
