"""A server that obeys flags in the place of `tritonserver`, for the tests that ask for it."""

import pytest

import server_process
import triton_server
from contract.fake_launcher import witness, write_launcher


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "server.log"


@pytest.fixture
def fake_launcher(tmp_path, monkeypatch):
    """The fake server is what is started in this process, and waits are short."""
    monkeypatch.setattr(server_process, "LAUNCHER", write_launcher(tmp_path / "tritonserver"))
    monkeypatch.setattr(triton_server, "POLL_S", 0.01)
    monkeypatch.setattr(triton_server, "STOP_TIMEOUT_S", 0.3)
    monkeypatch.setattr(triton_server, "ANSWER_S", 0)
    return server_process.LAUNCHER


@pytest.fixture
def seen():
    with witness() as each:
        yield each
