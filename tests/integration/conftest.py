"""Fakes of `tritonserver`: one controlled by flags, one that answers; and recordings to send."""

import numpy as np
import pytest
import soundfile

from gateways import serving
from integration.client_fake_server import FakeTriton
from integration.fake_launcher import witness, write_launcher
from server import processes, triton_server
from unit.planted_voices import X, voice
from voices.store import VoiceStore
from web.settings import Settings


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "server.log"


@pytest.fixture
def fake_launcher(tmp_path, monkeypatch):
    """Start the fake server in place of tritonserver, with short waits."""
    monkeypatch.setattr(processes, "LAUNCHER", write_launcher(tmp_path / "tritonserver"))
    monkeypatch.setattr(triton_server, "POLL_S", 0.01)
    monkeypatch.setattr(triton_server, "STOP_TIMEOUT_S", 0.3)
    monkeypatch.setattr(triton_server, "ANSWER_S", 0)
    return processes.LAUNCHER


@pytest.fixture
def seen():
    with witness() as each:
        yield each


@pytest.fixture
def triton():
    with FakeTriton() as server:
        yield server


@pytest.fixture
def wav(tmp_path):
    """A function that writes an audio file, distinguishable by its length in samples."""

    def write(name, n_samples=160, rate_hz=16_000):
        path = tmp_path / name
        soundfile.write(path, np.zeros(n_samples, dtype=np.int16), rate_hz)
        return path

    return write


@pytest.fixture
def wav_scp(tmp_path, wav):
    """A function that writes a wav.scp of recordings with these ids, and their audio."""

    def write(*ids):
        lines = [f"{each} {wav(f'{each}.wav', 160 + n)}\n" for n, each in enumerate(ids)]
        path = tmp_path / "wav.scp"
        path.write_text("".join(lines))
        return path

    return write


@pytest.fixture
def out(tmp_path):
    """A folder for what the client writes."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def voices(tmp_path):
    """A file in which Ana's voice is X."""
    path = tmp_path / "voices.db"
    VoiceStore(path).add([voice("Ana_María", X)])
    return path


@pytest.fixture
def settings(triton, tmp_path):
    """Of a gateway in front of the fake server."""
    return Settings(tmp_path / "work", url=triton.url, rate_per_minute=0)


@pytest.fixture
def gateway(settings):
    with serving(settings) as running:
        yield running
