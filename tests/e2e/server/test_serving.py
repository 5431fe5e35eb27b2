"""Starting and stopping serve.sh and the bare `tritonserver` command."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from server.flags import Ports
from server.processes import alive, children, stubs
from server.triton_server import MODEL_REPOSITORY, ROOT, STOP_TIMEOUT_S

SERVE = ROOT / "scripts" / "serve.sh"
TRITONSERVER = ROOT / ".venv" / "bin" / "tritonserver"
READY_WITHIN_S = 120

pytestmark = pytest.mark.triton


@pytest.fixture
def ports():
    return Ports.free()


@pytest.fixture
def started(tmp_path):
    """A function that starts a command in its own folder; the command ends with the test."""
    processes = []

    def start(*command):
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def port_flags(ports):
    return [f"--{name}-port={getattr(ports, name)}" for name in ("http", "grpc", "metrics")]


def answers(ports):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.http}/v2/health/ready", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.slow  # test_faults.py needs both in every run
def test_serve_prints_ready_and_sigterm_stops_every_process(started, ports, tmp_path):
    process = started(SERVE, *port_flags(ports), f"--log={tmp_path / 'log'}")
    line = process.stdout.readline()
    assert line.startswith("ready"), process.stderr.read()
    assert str(ports.grpc) in line
    assert answers(ports)
    started_processes = children(process.pid)
    assert len(started_processes) > 3  # the server and its Python stubs
    process.terminate()
    process.wait(STOP_TIMEOUT_S + 30)
    assert not alive(started_processes)


def test_serve_reports_why_the_server_did_not_start(started, ports, tmp_path):
    shutil.copytree(
        MODEL_REPOSITORY / "segmentation",
        tmp_path / "models" / "segmentation",
        ignore=shutil.ignore_patterns("model.onnx*"),
    )
    process = started(
        SERVE, *port_flags(ports), "--model-repository=models", f"--log={tmp_path / 'log'}"
    )
    _, complaint = process.communicate(timeout=READY_WITHIN_S)
    assert process.returncode == 1
    first = complaint.splitlines()[0]
    assert first.startswith("serve: model 'segmentation' ")
    assert first.endswith(
        "model.onnx is missing; run ./scripts/setup.sh or scripts/setup/prepare_models.py"
    )
    assert "last lines of" in complaint
    assert not answers(ports)


def test_serve_reports_a_port_that_is_in_use(started, ports):
    with socket.create_server(("127.0.0.1", ports.grpc)):
        process = started(SERVE, *port_flags(ports))
        _, complaint = process.communicate(timeout=READY_WITHIN_S)
    assert process.returncode == 1
    assert complaint == f"serve: port {ports.grpc} is in use; choose another --grpc-port\n"


def test_the_bare_command_accepts_a_relative_repository_and_ctrl_c(started, ports, tmp_path):
    (tmp_path / "model_repo").mkdir()
    (tmp_path / "model_repo" / "segmentation").symlink_to(MODEL_REPOSITORY / "segmentation")
    process = started(TRITONSERVER, "--model-repository=model_repo", *port_flags(ports))
    deadline = time.monotonic() + READY_WITHIN_S
    while not answers(ports):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    stubs = children(process.pid)
    assert stubs
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_TIMEOUT_S + 30) == 0
    assert not alive(stubs)


@pytest.mark.slow  # with a fake tritonserver it is part of every run
def test_without_restarts_serve_exits_when_a_model_loses_its_process(started, ports, tmp_path):
    address = "--http-address=127.0.0.2"  # readiness is checked at the server's address
    log = f"--log={tmp_path / 'log'}"
    process = started(SERVE, *port_flags(ports), address, log, "--restarts=0")
    assert process.stdout.readline().startswith("ready")
    (stub, *_) = [pid for pid, model in stubs(process.pid).items() if model == "run"]
    os.kill(stub, signal.SIGKILL)
    _, complaint = process.communicate(timeout=STOP_TIMEOUT_S + 30)
    assert process.returncode == 1
    assert complaint.startswith("serve: 1 process(es) of model 'run' ended unexpectedly")


def test_quickstart_stopped_early_leaves_no_process(started):
    process = started(
        ROOT / ".venv" / "bin" / "python", ROOT / "scripts" / "server" / "quickstart.py"
    )
    assert process.stdout.readline().startswith("starting Triton")
    deadline = time.monotonic() + READY_WITHIN_S
    while not (begun := children(process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    _, complaint = process.communicate(timeout=STOP_TIMEOUT_S + 30)
    assert process.returncode == 128 + signal.SIGTERM
    assert complaint == ""
    assert not alive(begun)
