"""When a server is restarted, and which of its processes hang, by a clock set by the test."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from server import supervisor
from server.drain_lock import DrainLock
from server.processes import is_stopped
from server.server_log import ServerError
from server.supervisor import BUSY_S, IDLE_S, STOPPED_S, HungStubs, keep_running
from unit.server.test_proxy_rules import Clock

SLEEPER = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def started(*program):
    """A process of Python that has begun with a program, and ends with the block."""
    command = [sys.executable, "-c", *map(str, program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_process_that_is_stopped_is_found_after_a_while(tmp_path):
    clock = Clock()
    with started(SLEEPER) as stub:
        watched = HungStubs(os.getpid(), [stub.pid], DrainLock(tmp_path / "lock"), clock)
        stub.send_signal(signal.SIGSTOP)
        wait_for(lambda: is_stopped(stub.pid))
        clock.now += STOPPED_S
        assert watched.find() == set()
        clock.now += 1
        assert watched.find() == {stub.pid}
        stub.send_signal(signal.SIGCONT)
        wait_for(lambda: not is_stopped(stub.pid))
        assert watched.find() == set()


def wait_for(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Work:
    """CPU time of the server (1) and of a stub (2), which holds the drain lock; clock of both."""

    def __init__(self):
        self.used_s, self.working, self.clock = {1: 0.0, 2: 0.0}, {2, 77}, Clock()

    def holders(self):
        return self.working


@pytest.fixture
def work(monkeypatch):
    work = Work()
    monkeypatch.setattr(supervisor, "cpu_seconds", work.used_s.__getitem__)
    monkeypatch.setattr(supervisor, "is_stopped", lambda _pid: False)
    return work


@pytest.fixture
def watched(work):
    return HungStubs(1, [2], work, work.clock)


def test_a_request_under_way_while_the_server_is_idle_hangs(work, watched):
    work.clock.now += IDLE_S
    work.used_s[1] += BUSY_S  # probes
    assert watched.find() == set()
    work.clock.now += 1
    assert watched.find() == {2}


def test_a_request_that_waits_for_slow_nets_does_not_hang(work, watched):
    for _ in range(10):
        work.clock.now += IDLE_S - 1
        work.used_s[1] += 2 * BUSY_S
        assert watched.find() == set()


def test_an_idle_server_does_not_hang(work, watched):
    work.working = set()
    work.clock.now += 10 * IDLE_S
    assert watched.find() == set()


class SleepClock:
    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)


class Server:
    """A server with a fault after each of the given times, of which the given starts fail."""

    def __init__(self, clock, fault_after_s, failing_starts=()):
        self.clock, self.fault_after_s = clock, iter(fault_after_s)
        self.failing, self.calls = set(failing_starts), []

    def wait_for_fault(self):
        self.clock.now += next(self.fault_after_s)
        return ServerError("a stub died\nand its log")

    def kill(self, drain_s):
        self.calls.append(("kill", drain_s))

    def start(self, timeout_s):
        n_started = sum(call[0] == "start" for call in self.calls)
        self.calls.append(("start", timeout_s))
        if n_started in self.failing:
            raise ServerError("no memory")


@pytest.fixture
def clock(monkeypatch):
    clock = SleepClock()
    monkeypatch.setattr(supervisor, "time", clock)
    monkeypatch.setattr(supervisor, "wait_for_fault", Server.wait_for_fault)
    return clock


def test_the_rest_of_a_server_is_killed_before_a_restart(clock):
    server = Server(clock, [1], failing_starts=[0])
    keep_running(server, 1, 120)
    assert server.calls == [("kill", supervisor.DRAIN_S), ("start", 120)]


def test_a_server_that_was_ready_is_always_restarted(clock, capsys):
    server = Server(clock, [0.1] * 21, failing_starts=[20, 21])
    error = keep_running(server, 2, 120)
    assert str(error) == "gave up after 2 failed starts in a row; the last one: no memory"
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"ready again after 0.0 s: a stub died; restart {number}" for number in range(1, 21)
    ]


def test_without_restarts_the_fault_is_returned(clock):
    server = Server(clock, [1])
    assert str(keep_running(server, 0, 120)) == "a stub died\nand its log"
    assert server.calls == []


def test_failed_starts_are_retried_after_growing_pauses(clock, capsys):
    server = Server(clock, [1, 700, 1], failing_starts=[0, 1, 3, 5, 6, 7, 8])
    keep_running(server, 4, 120)
    assert clock.slept == [1, 2, 1, 1, 2, 4, 8]
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "no memory; restart 1",
        "no memory; restart 2",
    ]
