"""When a server is started again, by a clock that stands still unless it is told otherwise."""

import pytest

from server import supervising
from server.server_log import ServerError
from server.supervising import keep_running


class Clock:
    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)


class Server:
    """A server that has a fault after every so many seconds, and starts that fail by plan."""

    def __init__(self, clock, fault_after_s, failing_starts=()):
        self.clock, self.fault_after_s = clock, iter(fault_after_s)
        self.failing, self.calls = set(failing_starts), []

    def watch(self):
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
    clock = Clock()
    monkeypatch.setattr(supervising, "time", clock)
    return clock


def test_what_is_left_is_killed_before_it_is_started_again(clock):
    server = Server(clock, [1], failing_starts=[0])
    keep_running(server, 1, 120)
    assert server.calls == [("kill", supervising.DRAIN_S), ("start", 120)]


def test_faults_of_a_server_that_was_ready_never_end_it(clock, capsys):
    server = Server(clock, [0.1] * 21, failing_starts=[20, 21])
    error = keep_running(server, 2, 120)
    assert str(error) == "gave up after 2 failed starts in a row; the last one: no memory"
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"ready again after 0.0 s: a stub died; restart {number}" for number in range(1, 21)
    ]


def test_without_restarts_the_fault_is_the_answer(clock):
    server = Server(clock, [1])
    assert str(keep_running(server, 0, 120)) == "a stub died\nand its log"
    assert server.calls == []


def test_failed_starts_are_tried_again_after_ever_longer_pauses(clock, capsys):
    server = Server(clock, [1, 700, 1], failing_starts=[0, 1, 3, 5, 6, 7, 8])
    keep_running(server, 4, 120)
    assert clock.slept == [1, 2, 1, 1, 2, 4, 8]
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "no memory; restart 1",
        "no memory; restart 2",
    ]
