"""What is known of processes, from a `/proc` written by hand and from real ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.processes import (
    alive,
    children,
    command_line,
    direct_children,
    group,
    kill_group,
    running,
    started_at,
    stubs,
)

STUB = "/backends/python/triton_python_backend_stub"


NAMELESS = """
import ctypes
PR_SET_NAME = 15
assert ctypes.CDLL(None).prctl(PR_SET_NAME, b"\\xff\\xfe)", 0, 0, 0) == 0
print(flush=True)
input()
"""


@pytest.fixture
def proc(tmp_path):
    """A server (10) below serve.py (9), with stubs of two models and a process of another kind."""
    lines = {
        9: ["python", "serve.py"],
        10: ["tritonserver", "--http-port=1"],
        11: [STUB, "/repo/run/1/model.py", "prefix_1", "run_0_0"],
        12: [STUB, "/my models/speaker_model/3/model.onnx", "prefix_2", "speaker_model_0_0"],
        13: ["sleep", "/repo/run/1/model.py"],
        14: [STUB],
        15: [STUB, "/repo/run/1/model.py", "prefix_3", "run"],  # completes the configuration
        16: [STUB, "/repo/run/1/model.py", "prefix_1", "run_0_0"],  # 11 is about to start a program
        20: [STUB, "/repo/sad/1/model.py", "other_1", "sad_0_0"],
    }
    parents = {9: 1, 10: 9, 11: 10, 12: 10, 13: 10, 14: 10, 15: 10, 16: 11, 20: 1}
    for pid, line in lines.items():
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "cmdline").write_text("".join(f"{word}\0" for word in line))
        (folder / "stat").write_bytes(b"%d (a) n\xe4me) S %d 0\n" % (pid, parents[pid]))
    return tmp_path


def test_stubs_of_a_server_are_told_by_model(proc):
    expected = {11: "run", 12: "speaker_model"}
    assert stubs(10, proc) == expected
    assert stubs(9, proc) == expected
    assert stubs(20, proc) == {}


def test_programs_are_found_by_name(proc):
    assert running("tritonserver", 9, proc) == [10]
    assert running("sleep", 9, proc) == [13]
    assert running("python", 9, proc) == []  # that is 9 itself


def test_children_are_found_at_any_depth_and_nobody_elses(proc):
    assert children(9, proc) == {10, 11, 12, 13, 14, 15, 16}
    assert direct_children(10, proc) == {11, 12, 13, 14, 15}


def test_a_command_line_keeps_white_space_within_arguments(proc):
    assert command_line(12, proc)[1] == "/my models/speaker_model/3/model.onnx"
    assert command_line(99, proc) == []


def test_a_process_is_known_by_its_pid_and_its_start_for_as_long_as_it_lives():
    command = [sys.executable, "-c", "print(flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        process.stdout.readline()  # from here on the kernel tells its command line
        begun = started_at(process.pid)
        assert begun is not None
        assert begun >= started_at(os.getpid())
        assert started_at(process.pid) == begun
        assert command_line(process.pid) == command
        assert alive([process.pid]) == {process.pid}
        kill_group(process.pid)
        process.wait()
        assert started_at(process.pid) is None
        assert alive([process.pid]) == set()


def test_a_process_whose_name_is_no_text_is_seen_and_hides_no_other():
    command = [sys.executable, "-c", NAMELESS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        process.stdout.readline()  # from here on it has that name
        assert b"\xff\xfe)" in Path(f"/proc/{process.pid}/stat").read_bytes()
        assert process.pid in direct_children(os.getpid())
        assert group(process.pid) == {process.pid}
        assert alive([process.pid]) == {process.pid}
        kill_group(process.pid)
