"""The drain lock between the program that stops the server and the requests of `run`."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diarization import drain_lock as model_side
from diarization.drain_lock import hold_drain_lock
from diarization.errors import StoppingError
from server.drain_lock import DrainLock

LIBRARY = Path(model_side.__file__).parent.parent
STAYS_INSIDE = """
import sys
sys.path.insert(0, sys.argv[1])
from diarization.drain_lock import hold_drain_lock
with hold_drain_lock():
    print("inside", flush=True)
    input()
"""


@pytest.fixture
def lock(tmp_path, monkeypatch):
    lock = DrainLock(tmp_path / "lock")
    monkeypatch.setenv(model_side.VARIABLE, str(lock.path))
    lock.open()
    return lock


def test_both_sides_use_the_same_variable(lock):
    assert lock.environment()[model_side.VARIABLE] == str(lock.path)


def test_an_open_lock_accepts_requests_in_parallel(lock):
    with hold_drain_lock(), hold_drain_lock():
        pass
    assert lock.drain(wait_s=0)


def test_a_drained_lock_refuses_requests_until_it_is_opened(lock):
    assert not lock.refuses()
    assert lock.drain(wait_s=0)
    assert lock.refuses()
    with pytest.raises(StoppingError, match="stopping"), hold_drain_lock():
        pytest.fail("it was accepted")
    lock.open()
    assert not lock.refuses()
    with hold_drain_lock():
        pass


def test_a_request_under_way_is_reported_and_others_are_refused(lock):
    with hold_drain_lock():
        assert not lock.drain(wait_s=0)
        with pytest.raises(StoppingError), hold_drain_lock():
            pytest.fail("it was accepted")
    assert lock.drain(wait_s=0)


def test_a_request_that_fails_releases_the_lock(lock):
    with pytest.raises(KeyError), hold_drain_lock():
        raise KeyError
    assert lock.drain(wait_s=0)


def test_a_process_that_is_killed_releases_the_lock(lock):
    command = [sys.executable, "-c", STAYS_INSIDE, str(LIBRARY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"inside\n"
        assert lock.holders() == {process.pid}
        assert not lock.drain(wait_s=0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock.drain(wait_s=5)


def test_a_lock_without_a_file_has_no_holders(tmp_path):
    assert DrainLock(tmp_path / "none").holders() == set()


def test_without_a_lock_requests_are_accepted(lock, monkeypatch):
    lock.remove()
    with hold_drain_lock():
        pass
    monkeypatch.delenv(model_side.VARIABLE)
    with hold_drain_lock():
        pass
