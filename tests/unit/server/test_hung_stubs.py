"""Processes that are stopped, or hold the lock of a request and do nothing."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from server import hung_stubs
from server.hung_stubs import BUSY_S, IDLE_S, STOPPED_S, HungStubs, lock_holders
from server.processes import is_stopped, processor_s
from unit.server.test_proxy_rules import Clock

SLEEPER = "import sys; print(flush=True); sys.stdin.read()"
HOLDER = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_SH);" + SLEEPER


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


@pytest.fixture
def door(tmp_path):
    path = tmp_path / "door"
    path.touch()
    return path


def test_who_holds_a_lock_of_a_file_is_found(door, tmp_path):
    with started(HOLDER, door) as holder:
        assert lock_holders(door) == {holder.pid}
    assert lock_holders(tmp_path / "none") == set()


def test_a_process_that_is_stopped_is_found_after_a_while(door):
    clock = Clock()
    with started(SLEEPER) as stub:
        watched = HungStubs(os.getpid(), [stub.pid], door, clock)
        stub.send_signal(signal.SIGSTOP)
        wait_for(lambda: is_stopped(stub.pid))
        clock.now += STOPPED_S
        assert watched.found() == set()
        clock.now += 1
        assert watched.found() == {stub.pid}
        stub.send_signal(signal.SIGCONT)
        wait_for(lambda: not is_stopped(stub.pid))
        assert watched.found() == set()


def wait_for(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def at_work(monkeypatch):
    """Processor seconds of the two processes 1 (server) and 2 (stub), which holds the lock."""
    used = {1: 0.0, 2: 0.0}
    monkeypatch.setattr(hung_stubs, "processor_s", used.__getitem__)
    monkeypatch.setattr(hung_stubs, "is_stopped", lambda _pid: False)
    monkeypatch.setattr(hung_stubs, "lock_holders", lambda _path: {2, 77})
    return used


def test_a_request_that_is_worked_on_while_the_server_does_nothing_hangs(at_work, door):
    clock = Clock()
    watched = HungStubs(1, [2], door, clock)
    clock.now += IDLE_S
    at_work[1] += BUSY_S  # probes
    assert watched.found() == set()
    clock.now += 1
    assert watched.found() == {2}


def test_a_request_that_waits_for_slow_nets_does_not_hang(at_work, door):
    clock = Clock()
    watched = HungStubs(1, [2], door, clock)
    for _ in range(10):
        clock.now += IDLE_S - 1
        at_work[1] += 2 * BUSY_S
        assert watched.found() == set()


def test_an_idle_server_does_not_hang(at_work, door, monkeypatch):
    monkeypatch.setattr(hung_stubs, "lock_holders", lambda _path: set())
    clock = Clock()
    watched = HungStubs(1, [2], door, clock)
    clock.now += 10 * IDLE_S
    assert watched.found() == set()


def test_processor_time_is_that_of_the_process():
    before = processor_s(os.getpid())
    while time.process_time() < before + 0.1:
        pass
    assert processor_s(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)
    assert processor_s(2**22 + 1) == 0
