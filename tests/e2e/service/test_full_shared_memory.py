"""A server with a full /dev/shm: requests fail, and are answered once there is room."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import diarize, same_turns, wav_bytes
from measure.serve_process import serving

OWN_SHM = """#!/bin/bash
exec unshare --mount bash -c 'mount -t tmpfs -o size=100m tmpfs /dev/shm && exec "$0" "$@"' {} "$@"
"""
MAY_MOUNT = not subprocess.run(
    ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=False
).returncode
REFUSALS = ("StatusCode.INTERNAL", "StatusCode.UNAVAILABLE")

pytestmark = [
    pytest.mark.triton,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not MAY_MOUNT, reason="mounting /dev/shm needs root"),
]


@pytest.fixture
def own_shm(tmp_path, monkeypatch):
    """Run serve.py with its own small /dev/shm."""
    python = tmp_path / "python"
    python.write_text(OWN_SHM.format(sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def labels_or_status(server, recording):
    try:
        return diarize(server, recording).labels
    except grpcclient.InferenceServerException as error:
        return error.status()


@pytest.mark.usefixtures("own_shm")
def test_requests_fail_while_shared_memory_is_full(tmp_path, sample):
    samples, rate_hz = soundfile.read(sample, dtype="float32")
    short, long = wav_bytes(samples[: 10 * rate_hz]), wav_bytes(np.tile(samples, 10))
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = diarize(server, short).labels
        shm = Path(f"/proc/{server.process.pid}/root/dev/shm")
        filler, room = shm / "filler", os.statvfs(shm)
        filler.write_bytes(bytes(room.f_bavail * room.f_frsize))
        answers = [labels_or_status(server, recording) for recording in (long, *[short] * 4, long)]
        filler.unlink()
        assert answers[0] in REFUSALS
        assert answers[-1] in REFUSALS
        for answer in answers[1:-1]:
            assert answer in REFUSALS if isinstance(answer, str) else same_turns(answer, expected)
        for _ in range(4):
            assert same_turns(diarize(server, short).labels, expected)
        assert diarize(server, long).labels.size
