"""A serve.py that ignores SIGTERM, or exits too early."""

import time

import pytest

from measure import serve_process
from measure.serve_process import ServeProcess, serving
from server.processes import alive, children
from server.triton_server import ServerError

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "300"], start_new_session=True)
print("ready: as the first line", flush=True)
time.sleep(300)
"""
FAILING = "import sys; sys.exit('serve: port 1 is in use')"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The file that is started in place of serve.py."""
    monkeypatch.setattr(serve_process, "SERVE", tmp_path / "serve.py")
    return tmp_path / "serve.py"


def test_a_server_that_ignores_sigterm_is_killed_with_its_processes(program, tmp_path, monkeypatch):
    monkeypatch.setattr(serve_process, "STOPPED_WITHIN_S", 0.5)
    program.write_text(STUBBORN)
    server = ServeProcess(tmp_path / "log")
    assert server.wait_until_ready() == "ready: as the first line"
    pids = {server.process.pid, *children(server.process.pid)}
    assert len(pids) == 2
    with pytest.raises(ServerError, match=r"did not stop within 0\.5 s and was killed"):
        server.stop()
    deadline = time.monotonic() + 10
    while alive(pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_that_does_not_start_is_reported_with_its_message(program, tmp_path):
    program.write_text(FAILING)
    message = "expected a line 'ready' from serve.py, got 'serve: port 1 is in use'"
    with serving(tmp_path / "log") as server:
        with pytest.raises(ServerError) as error:
            server.wait_until_ready()
        assert server.wait() == (1, "serve: port 1 is in use\n")
    assert str(error.value) == message
