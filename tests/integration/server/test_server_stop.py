"""How a server is stopped: requests are drained, and nothing is left behind."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from diarization.drain_lock import hold_drain_lock
from diarization.errors import StoppingError
from integration.fake_launcher import WAIT_S, flags_received
from server.readiness import not_ready
from server.shared_memory import SHM, new_prefix
from server.triton_server import ServerError, TritonServer

pytestmark = pytest.mark.usefixtures("fake_launcher")


@pytest.fixture
def left_behind():
    """A function that creates a file in shared memory, removed after the test."""
    paths = []

    def put(name):
        path = SHM / name
        path.write_bytes(b"x")
        paths.append(path)
        return path

    yield put
    for path in paths:
        path.unlink(missing_ok=True)


def test_only_shared_memory_of_the_server_is_removed(log, left_behind):
    server, other = TritonServer(log), TritonServer(log)
    server.start()
    kept = left_behind(f"{other.shared_memory_prefix}region")
    gone = left_behind(f"{server.shared_memory_prefix}region")
    server.stop()
    assert not gone.exists()
    assert kept.exists()
    assert not list(SHM.glob(f"{server.shared_memory_prefix}*"))  # its drain lock is gone too


@pytest.mark.parametrize("flag", ["--fake-exit=3", "--fake-deaf"])
def test_shared_memory_of_a_server_that_does_not_start_is_removed(flag, log, left_behind):
    server = TritonServer(log, flags=[flag])
    gone = left_behind(f"{server.shared_memory_prefix}region")
    with pytest.raises(ServerError):
        server.start(timeout_s=0.1)
    assert not gone.exists()


def test_shared_memory_with_the_users_prefix_is_removed_too(log, left_behind):
    name = f"test_{new_prefix()}"
    given = f"--backend-config=python,shm-region-prefix-name={name}"
    server = TritonServer(log, flags=[given])
    assert server.shared_memory_prefix == name
    with server:
        assert [flag for flag in flags_received(server) if "shm-region" in flag] == [given]
        gone = left_behind(f"{name}region")
    assert not gone.exists()


def test_stopping_drains_requests_and_refuses_new_ones(log, monkeypatch):
    server = TritonServer(log)
    monkeypatch.setenv("DIARIZATION_DRAIN_LOCK", str(server.drain_lock.path))
    server.start()
    with ThreadPoolExecutor(1) as thread:
        with hold_drain_lock():
            stopping = thread.submit(server.stop)
            wait_until(lambda: refused() is not None)
            assert server._process.poll() is None  # not even asked to stop
            assert "asked to stop" not in log.read_text()
        stopping.result(WAIT_S)
    assert log.read_text().endswith("asked to stop\n")


def refused():
    try:
        with hold_drain_lock():
            return None
    except StoppingError as error:
        return error


def wait_until(true):
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_draining_ends_at_the_time_limit(log, seen, monkeypatch):
    server = TritonServer(log, flags=[seen.flag])
    monkeypatch.setenv("DIARIZATION_DRAIN_LOCK", str(server.drain_lock.path))
    server.start()
    processes = seen.started(1)
    with hold_drain_lock():
        server.stop(drain_s=0.1)
    seen.assert_ended(processes)


def test_killing_a_server_sends_no_sigterm(log, seen):
    server = TritonServer(log, flags=["--fake-child", seen.flag])
    server.start()
    processes = seen.started(2)
    server.kill(drain_s=0.1)
    seen.assert_ended(processes)
    assert "asked to stop" not in log.read_text()
    assert not_ready(server.http_url) == "the server is starting again; try again later"
    server.stop()
    assert not_ready(server.http_url) is None


FIRST_PROCESS = """
import ctypes, os, sys
from pathlib import Path
from server import processes
from server.processes import children
from server.triton_server import TritonServer
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process
processes.LAUNCHER = Path(sys.argv[1])
server = TritonServer(Path(sys.argv[2]), flags=["--fake-child"])
server.start()
n_started = len(children(os.getpid()))
server.stop(drain_s=0)
print(n_started, len(children(os.getpid())))
"""


def test_the_first_process_of_a_container_reaps_its_children(log, fake_launcher):
    command = [sys.executable, "-c", FIRST_PROCESS, str(fake_launcher), str(log)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "3 0\n"


# The last thread of a child outlives its first one, as when many threads are killed: until
# it has ended, too, the child is dead and cannot be waited for.
SLOW_DEATH = """
import ctypes, os, subprocess, sys, time
from server import processes
from server.processes import alive, children
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process
processes.kill_group = lambda number: None  # it is dying already
orphan = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(0.5,)).start();"
orphan += "ctypes.CDLL(None).pthread_exit(None)"
shell = ["sh", "-c", '"$0" -c "$1" & exit', sys.executable, orphan]
process = subprocess.Popen(shell, start_new_session=True)
while not (left := children(os.getpid()) - {process.pid}) or alive(left):
    time.sleep(0.01)
processes.kill_triton(process)
print(len(left), len(children(os.getpid())))
"""


def test_a_child_with_a_remaining_thread_is_waited_for():
    command = [sys.executable, "-c", SLOW_DEATH]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1 0\n"
