"""What strangers send to do harm: bombs, bytes that are no text, floods, half of a request."""

import subprocess

import pytest

import audio_files
from gateways import assert_problem, wait_until
from made_media import write_mov


@pytest.mark.parametrize("parameters", [{}, {"channels": "separate"}])
def test_a_bomb_fails_alone_before_it_is_decoded_to_its_end(parameters, gateway, triton, tmp_path):
    bomb = write_mov(tmp_path / "bomb.mov", declared_s=60, chunk_s=10, n_chunks=2200)

    answer = gateway.send(bomb, **parameters)

    assert_problem(answer, 422, "can read the file: its sound takes more bytes than it has")
    assert triton.calls == []
    assert gateway.files() == []


@pytest.fixture
def decoders(monkeypatch, tmp_path):
    """All processes that decode, which take for ever with what they know the length of."""
    script = tmp_path / "endless.py"
    script.write_text(
        "import sys, time\n"
        'if sys.argv[1] == "probe":\n'
        '    sys.exit(print(\'{"format": "mov", "length_s": 1.0}\'))\n'
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(audio_files, "_AV_WORKER", script)
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, command, **more):
            super().__init__(command, **more)
            if command[-1] != "probe":
                started.append(self)

    monkeypatch.setattr(audio_files.subprocess, "Popen", Watched)
    return started


def test_decoding_ends_at_once_when_its_job_is_deleted(gateway, decoders, tmp_path):
    job = gateway.start(write_mov(tmp_path / "call.mov", declared_s=1, chunk_s=1, n_chunks=1))
    wait_until(lambda: decoders)

    assert gateway.ask("DELETE", job).status_code == 204

    wait_until(lambda: decoders[0].poll() is not None, within_s=5)
    wait_until(lambda: 'jobs_ended_total{state="cancelled"} 1.0' in gateway.get("/metrics").text)
