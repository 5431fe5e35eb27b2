"""webapp.py starts the gateway and the server, and stops both when one ends."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from gateways import Caller, assert_problem
from integration.fake_launcher import write_launcher
from server.flags import Ports

PROGRAM = """
import sys
from pathlib import Path
from server import processes, supervisor, triton_server
processes.LAUNCHER = Path(sys.argv.pop(1))
processes.POLL_S = triton_server.POLL_S = 0.01
supervisor.WATCH_S, triton_server.STOP_TIMEOUT_S, triton_server.ANSWER_S = 0.05, 0.3, 0
from server import webapp
webapp.LOG = Path(sys.argv.pop(1))
flag = sys.argv.pop(1)
webapp.TritonServer = lambda log: triton_server.TritonServer(log, flags=[flag])
sys.exit(webapp.main())
"""


@contextmanager
def running(tmp_path, flag_of_server, *flags):
    """webapp.py with a fake server."""
    launcher = write_launcher(tmp_path / "tritonserver")
    own = [launcher, tmp_path / "server.log", flag_of_server]
    command = [sys.executable, "-c", PROGRAM, *own, f"--work_dir={tmp_path / 'work'}", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_gateway_and_the_server(number, tmp_path, seen):
    port = Ports.free().http
    with running(tmp_path, seen.flag, f"--port={port}") as process:
        assert process.stdout.readline() == "starting Triton on free ports ...\n"
        assert process.stdout.readline() == f"ready: http://127.0.0.1:{port}\n"
        processes = seen.started(1)
        gateway = Caller(f"http://127.0.0.1:{port}")
        assert_problem(gateway.get("/healthz"), 503)  # the fake speaks no gRPC
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    seen.assert_ended(processes)
    with pytest.raises(requests.ConnectionError):
        gateway.get("/livez")


def test_a_gateway_that_cannot_start_stops_the_server_too(tmp_path, seen):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, seen.flag, f"--port={port}") as process:
            processes = seen.started(1)
            _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "address already in use" in errors
    seen.assert_ended(processes)


def test_the_gateway_reports_wrong_usage(tmp_path, seen):
    with running(tmp_path, seen.flag, "--port=many") as process:
        processes = seen.started(1)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "argument --port: expected a port" in errors
    seen.assert_ended(processes)


def test_a_server_that_does_not_start_is_reported(tmp_path):
    with running(tmp_path, "--fake-exit=3") as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert errors.startswith("webapp: tritonserver ended with status 3 before it was ready")


@pytest.mark.parametrize(
    "flags", [["--url=somewhere:8001"], ["-u", "somewhere:8001"], ["-usomewhere:8001"]]
)
def test_no_server_is_started_if_a_url_is_given(flags, tmp_path, seen):
    port = Ports.free().http
    with running(tmp_path, seen.flag, f"--port={port}", *flags) as process:
        assert process.stdout.readline() == f"ready: http://127.0.0.1:{port}\n"
        process.terminate()
        process.communicate(timeout=60)
    assert not (tmp_path / "server.log").exists()
