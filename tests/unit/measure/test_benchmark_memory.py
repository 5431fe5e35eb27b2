"""Memory of processes, read from a made-up /proc and from this process."""

import os
import threading

import pytest

from measure.benchmarking.memory import PeakMemory, pss_bytes

ROLLUP = """\
55ec8b985000-7ffc7ab74000 ---p 00000000 00:00 0                          [rollup]
Rss:                1736 kB
Pss:             {pss:7d} kB
Pss_Dirty:           112 kB
Pss_Anon:            100 kB
"""


@pytest.fixture
def proc(tmp_path):
    for pid, pss in ((11, 250), (12, 1000)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "smaps_rollup").write_text(ROLLUP.format(pss=pss))
    return tmp_path


def test_pss_is_added_over_processes(proc):
    assert pss_bytes([11, 12], proc) == 1250 * 1024


def test_a_process_that_is_gone_counts_nothing(proc):
    (proc / "13").mkdir()
    (proc / "13" / "smaps_rollup").write_text("")  # as of a zombie

    assert pss_bytes([11, 13, 14], proc) == 250 * 1024
    assert pss_bytes([], proc) == 0


def peak_kb(proc, sizes):
    """Peak of a process whose (PSS, resident pages) change at every look."""
    asked = threading.Semaphore(0)
    planted = iter([(20, 1), *sizes])

    def pids():
        pss, n_pages = next(planted, (20, 1))
        (proc / "11" / "smaps_rollup").write_text(ROLLUP.format(pss=pss))
        (proc / "11" / "statm").write_text(f"5000 {n_pages} 100 1 0 100 0\n")
        asked.release()
        return [11]

    with PeakMemory(pids, proc) as memory:
        for _ in range(len(sizes) + 2):
            assert asked.acquire(timeout=10)
    return memory.peak_bytes // 1024


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr("measure.benchmarking.memory.FIRST_S", 0.0)
    monkeypatch.setattr("measure.benchmarking.memory.EVERY_S", 0.0)


def test_the_peak_is_the_most_that_was_seen(proc, at_once):
    assert peak_kb(proc, [(300, 10), (900, 20), (500, 30)]) == 900


def test_pss_is_looked_at_only_when_there_are_more_resident_pages(proc, at_once):
    assert peak_kb(proc, [(300, 1000), (900, 1010), (800, 990)]) == 300
    assert peak_kb(proc, [(300, 1000), (400, 1030), (800, 1020)]) == 400


def test_what_is_short_is_looked_at_before_and_after(proc):
    sizes = iter([250, 700])

    def pids():
        (proc / "11" / "smaps_rollup").write_text(ROLLUP.format(pss=next(sizes)))
        return [11]

    with PeakMemory(pids, proc) as memory:
        assert memory.peak_bytes == 250 * 1024

    assert memory.peak_bytes == 700 * 1024


def test_linux_tells_the_memory_of_this_process():
    assert pss_bytes([os.getpid()]) > 1_000_000
