"""What is known about processes, tested on real ones."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from server.processes import (
    STUB,
    alive,
    children,
    command_line,
    cpu_seconds,
    describe,
    direct_children,
    group,
    is_stopped,
    kill_group,
    kill_processes,
    running,
    started_at,
    stubs,
)

SLEEPER = "print(flush=True); input()"
NOT_UTF8 = f"""
import ctypes
PR_SET_NAME = 15
assert ctypes.CDLL(None).prctl(PR_SET_NAME, b"\\xe4\\xff)", 0, 0, 0) == 0
{SLEEPER}
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""
GONE_PID = 2**22 + 1  # above every pid of Linux


@contextmanager
def started(program, *arguments, name=None):
    """A Python process in a group of its own, from its first line on until the block ends."""
    command = [name or sys.executable, *(() if name else ("-c",)), program, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        command, executable=sys.executable, **pipes, start_new_session=True
    ) as process:
        process.line = process.stdout.readline()
        try:
            yield process
        finally:
            kill_group(process.pid)


@pytest.fixture
def stub(tmp_path):
    """A function that starts a process with the command line of a stub; returns its pid."""
    with ExitStack() as stack:

        def start(path, *arguments, name=f"/backends/python/{STUB}"):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(SLEEPER)
            return stack.enter_context(started(str(file), *arguments, name=name)).pid

        yield start


def test_stubs_of_a_server_are_found_with_their_models(stub):
    run = stub("repo/run/1/model.py", "prefix_1", "run_0_0")
    speaker = stub("my models/speaker_model/3/model.onnx", "prefix_2", "speaker_model_0_0")
    others = {
        stub("repo/run/1/model.py", "prefix_3", "run"),  # completes the configuration
        stub("repo/run/1/model.py", "prefix_1", "run_0_0", name="/bin/sleep"),
    }
    found = stubs(os.getpid())  # there may be a server of other tests
    assert (found[run], found[speaker]) == ("run", "speaker_model")
    assert not others & found.keys()
    assert stubs(run) == {}
    assert command_line(speaker)[1].endswith("/my models/speaker_model/3/model.onnx")


def test_what_a_stub_is_about_to_start_is_not_a_stub(tmp_path):
    path = tmp_path / "repo" / "run" / "1" / "model.py"
    path.parent.mkdir(parents=True)
    path.write_text(f"import os; os.fork(); {SLEEPER}")
    with started(str(path), "prefix_1", "run_0_0", name=f"/backends/python/{STUB}") as forked:
        (child,) = children(forked.pid)
        assert forked.pid in stubs(os.getpid())
        assert child not in stubs(os.getpid())


def test_children_are_found_at_any_depth_and_programs_by_name():
    with started(PARENT) as parent:
        child = int(parent.line)
        assert parent.pid in direct_children(os.getpid())
        assert child not in direct_children(os.getpid())
        assert {parent.pid, child} <= children(os.getpid())
        assert children(parent.pid) == direct_children(parent.pid) == {child}
        assert group(parent.pid) == {parent.pid, child}
        assert running(Path(sys.executable).name, parent.pid) == [child]
        assert running("tritonserver", parent.pid) == []


def test_a_process_whose_name_is_not_utf8_is_found_and_hides_no_other():
    with started(NOT_UTF8) as process, started(SLEEPER) as other:
        assert b"\xe4\xff)" in Path(f"/proc/{process.pid}/stat").read_bytes()
        assert {process.pid, other.pid} <= direct_children(os.getpid())
        assert group(process.pid) == {process.pid}
        assert alive([process.pid, other.pid]) == {process.pid, other.pid}
        assert started_at(process.pid) >= started_at(os.getpid())
        kill_processes([process.pid])
        assert alive([process.pid, other.pid]) == {other.pid}


def test_start_times_stay_the_same_and_in_order():
    with started(SLEEPER) as process:
        assert started_at(process.pid) == started_at(process.pid) >= started_at(os.getpid())
        assert command_line(process.pid) == [sys.executable, "-c", SLEEPER]


def test_a_process_that_is_gone_is_unknown():
    with started(SLEEPER) as process:
        pass
    for pid in (process.pid, GONE_PID):
        assert alive([pid]) == children(pid) == direct_children(pid) == group(pid) == set()
        assert started_at(pid) is None
        assert command_line(pid) == []
        assert cpu_seconds(pid) == 0
        assert not is_stopped(pid)


def test_a_zombie_is_not_alive():
    with started(SLEEPER) as process:
        kill_group(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended
        assert psutil.pid_exists(process.pid)
        assert alive([process.pid]) == set()


def test_cpu_time_is_that_of_the_process():
    before = cpu_seconds(os.getpid())
    while time.process_time() < before + 0.1:
        pass
    assert cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)


def test_processes_are_described_by_number_and_model():
    models = {1: "run", 2: "sad", 3: "run", 4: ""}
    assert describe({1, 3}, models) == "2 process(es) of model 'run'"
    assert describe({1, 2}, models) == "2 process(es) of model 'run' and model 'sad'"
    assert describe({4}, models) == "1 process(es) of a model"
