"""The door between whoever stops the server and the requests that `run` works on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diarization import drain_lock as model_side
from diarization.drain_lock import hold_drain_lock
from diarization.errors import StoppingError
from server import door as server_side
from server.door import Door

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
def door(tmp_path, monkeypatch):
    door = Door(tmp_path / "door")
    monkeypatch.setenv(model_side.VARIABLE, str(door.path))
    door.open()
    return door


def test_both_sides_mean_the_same_variable(door):
    assert server_side.environment(door)[model_side.VARIABLE] == str(door.path)


def test_an_open_door_lets_many_in_and_out(door):
    with hold_drain_lock(), hold_drain_lock():
        pass
    assert door.close(wait_s=0)


def test_a_closed_door_lets_nobody_in(door):
    assert door.close(wait_s=0)
    with pytest.raises(StoppingError, match="stopping"), hold_drain_lock():
        pytest.fail("it was open")
    door.open()
    with hold_drain_lock():
        pass


def test_whoever_is_inside_is_told_and_nobody_else_comes_in(door):
    with hold_drain_lock():
        assert not door.close(wait_s=0)
        with pytest.raises(StoppingError), hold_drain_lock():
            pytest.fail("it was open")
    assert door.close(wait_s=0)


def test_an_error_inside_leaves_the_door(door):
    with pytest.raises(KeyError), hold_drain_lock():
        raise KeyError
    assert door.close(wait_s=0)


def test_a_process_that_is_killed_leaves_the_door(door):
    command = [sys.executable, "-c", STAYS_INSIDE, str(LIBRARY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"inside\n"
        assert not door.close(wait_s=0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert door.close(wait_s=5)


def test_without_a_door_everyone_comes_in(door, monkeypatch):
    door.remove()
    with hold_drain_lock():
        pass
    monkeypatch.delenv(model_side.VARIABLE)
    with hold_drain_lock():
        pass
