"""`serve.py` as a process: it prints when it is ready, restarts, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from integration.fake_launcher import write_launcher
from server import serve
from server.processes import children
from server.triton_server import Ports

PROGRAM = """
import sys
from pathlib import Path
from server import processes, supervisor, triton_server
processes.LAUNCHER = Path(sys.argv.pop(1))
processes.POLL_S = triton_server.POLL_S = 0.01
supervisor.WATCH_S, triton_server.STOP_TIMEOUT_S, triton_server.ANSWER_S = 0.05, 0.3, 0
supervisor.PAUSE_S = float(sys.argv.pop(1))
from server import serve
serve.main()
"""


@pytest.fixture
def serving(tmp_path):
    """A function that runs serve.py with the given flags, on free ports, while a block runs."""
    launcher = write_launcher(tmp_path / "tritonserver")

    @contextmanager
    def run(*flags, ports=None, pause_s=0.01):
        chosen = (ports or Ports.free()).flags()
        log = f"--log={tmp_path / 'server.log'}"
        own = [launcher, str(pause_s)]
        command = [sys.executable, "-c", PROGRAM, *own, *chosen, log, *flags]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            try:
                yield process
            finally:
                process.terminate()

    return run


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 128 + 15), (signal.SIGINT, 128 + 2)]
)
def test_a_signal_stops_every_process(serving, seen, number, status):
    with serving("--fake-child", "--fake-stubborn", seen.flag) as process:
        assert process.stdout.readline().startswith("ready: gRPC ")
        processes = seen.started(2)
        process.send_signal(number)
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (status, "", "")
    seen.assert_ended(processes)


def test_a_signal_before_the_server_is_ready_stops_it_too(serving, seen):
    with serving("--fake-deaf", seen.flag) as process:
        processes = seen.started(1)
        process.terminate()
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (143, "", "")
    seen.assert_ended(processes)


def test_ready_names_the_ports_and_the_log(serving, tmp_path):
    ports = Ports.free()
    with serving(ports=ports) as process:
        line = process.stdout.readline()
    assert line == (
        f"ready: gRPC {ports.grpc}, HTTP {ports.http}, metrics {ports.metrics}; "
        f"log: {tmp_path / 'server.log'}\n"
    )


def failure(process):
    """Lines on stderr of a process that exits with status 1."""
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in errors
    return errors.splitlines()


def test_a_server_that_does_not_start_is_reported_with_the_end_of_its_log(serving):
    with serving("--fake-exit=3") as process:
        lines = failure(process)
    assert lines[0] == "serve: tritonserver ended with status 3 before it was ready"
    assert lines[-1] == "I1122 line 39"


def test_a_server_that_is_not_ready_in_time_is_reported_and_stopped(serving, seen):
    with serving("--fake-deaf", "--ready-timeout=0.1", seen.flag) as process:
        lines = failure(process)
    assert lines[0] == "serve: tritonserver was not ready in time"


def test_without_restarts_a_server_that_exits_is_reported(serving):
    with serving("--fake-answers=1", "--restarts=0") as process:
        assert process.stdout.readline().startswith("ready: ")
        lines = failure(process)
    assert lines[0] == "serve: tritonserver ended with status 7"


def test_a_server_that_was_never_ready_is_not_restarted(serving, tmp_path):
    with serving("--fake-exit=3", "--restarts=5") as process:
        assert failure(process)[0].startswith("serve: tritonserver ended with status 3 before")
    assert not (tmp_path / "server.log.1").exists()


def test_a_server_that_exits_is_restarted_every_time_and_reported(serving):
    with serving("--fake-answers=1", "--restarts=1") as process:
        ready, *again = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        process.communicate()
    assert ready.startswith("ready: gRPC ")
    for number, line in enumerate(again, 1):
        assert line.startswith("ready again after ")
        assert line.endswith(f": tritonserver ended with status 7; restart {number}\n")


def test_a_server_that_loses_a_process_is_restarted_without_leftovers(serving, seen, tmp_path):
    with serving("--fake-child", seen.flag) as process:
        assert process.stdout.readline().startswith("ready: ")
        before = seen.started(2)
        (child,) = {pid for each in children(process.pid) for pid in children(each)}
        os.kill(child, signal.SIGKILL)
        assert "1 process(es) of a model ended unexpectedly" in process.stdout.readline()
        seen.assert_ended(before)
        after = seen.started(2)
        assert len(children(process.pid)) == 3  # and the proxy
        process.terminate()
        process.communicate()
    assert process.returncode == 143
    seen.assert_ended(after)
    assert "asked to stop" not in (tmp_path / "server.log.1").read_text()  # it was killed
    assert "asked to stop" in (tmp_path / "server.log").read_text()


def test_failed_restarts_count_and_the_last_failure_is_reported(serving, tmp_path):
    once = f"--fake-once={tmp_path / 'started'}"
    with serving(once, "--fake-answers=1", "--restarts=3") as process:
        assert process.stdout.readline().startswith("ready: ")
        lines = failure(process)
    assert lines[0] == (
        "serve: gave up after 3 failed starts in a row; the last one: "
        "tritonserver ended with status 3 before it was ready"
    )


def test_a_signal_during_a_restart_stops_it(serving, seen, tmp_path):
    once = f"--fake-once={tmp_path / 'started'}"
    with serving(once, "--fake-answers=1", "--restarts=50", pause_s=60) as process:
        assert process.stdout.readline().startswith("ready: ")
        wait_for((tmp_path / "server.log.1").exists)
        process.terminate()
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (143, "", "")


def test_the_log_on_standard_output_is_complete_across_restarts(serving, tmp_path):
    once = f"--fake-once={tmp_path / 'started'}"
    flags = ["--log=-", "--fake-answers=1", "--restarts=1", "--fake-mark", once]
    with serving(*flags) as process:
        output, errors = process.communicate()
    lines = output.splitlines()
    assert process.returncode == 1
    assert lines.count("--fake-mark") == 2  # each start of the server says with which flags
    ready = next(number for number, line in enumerate(lines) if line.startswith("ready: "))
    assert lines.index("--fake-mark") < ready
    assert lines[ready].endswith("; log: -")
    assert errors == (
        "serve: gave up after 1 failed starts in a row; the last one: "
        "tritonserver ended with status 3 before it was ready\n"
    )
    assert not list(tmp_path.glob("*.log*"))


def test_a_failed_start_is_explained_with_the_log_on_standard_output(serving):
    with serving("--log=-", "--fake-exit=3") as process:
        output, errors = process.communicate()
    assert output.endswith("I1122 line 39\n")
    assert errors == "serve: tritonserver ended with status 3 before it was ready\n"


def test_a_signal_stops_a_server_whose_log_is_standard_output(serving, seen):
    with serving("--log=-", "--fake-child", seen.flag) as process:
        processes = seen.started(2)
        while not process.stdout.readline().startswith("ready: "):
            pass
        process.terminate()
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (143, "asked to stop\n", "")
    seen.assert_ended(processes)


@pytest.mark.parametrize("number", ["-1", "many", "1.5"])
def test_an_invalid_number_of_restarts_is_wrong_usage(number, capsys):
    with pytest.raises(SystemExit):
        serve.parse_arguments([f"--restarts={number}"])
    assert f"got '{number}', expected a whole number from 0 on" in capsys.readouterr().err


def wait_for(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_port_in_use_is_reported(serving):
    free = Ports.free()
    with socket.create_server(("127.0.0.1", free.grpc)), serving(ports=free) as process:
        lines = failure(process)
    assert lines == [f"serve: port {free.grpc} is in use; choose another --grpc-port"]


def test_other_flags_are_passed_to_the_server(serving, tmp_path):
    with serving("--log-verbose=1", "--model-repository=mine") as process:
        assert process.stdout.readline().startswith("ready: ")
    flags = (tmp_path / "server.log").read_text().splitlines()
    assert {"--log-verbose=1", "--model-repository=mine"} <= set(flags)
    assert sum(flag.startswith("--model-repository") for flag in flags) == 1


def test_the_default_ports_are_tritons():
    options, flags = serve.parse_arguments(["--http-address=0.0.0.0"])
    assert (options.http_port, options.grpc_port, options.metrics_port) == (8000, 8001, 8002)
    assert flags == ["--http-address=0.0.0.0"]
