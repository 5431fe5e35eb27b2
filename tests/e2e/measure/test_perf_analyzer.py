"""The real perf_analyzer against the real server, as briefly as it can measure."""

import re
import subprocess
import sys

import pytest

from server.triton_server import ROOT, TritonServer

pytestmark = pytest.mark.triton


def measure(server, *words):
    script = ROOT / "scripts" / "measure" / "perf_analyzer.py"
    command = [sys.executable, str(script), f"--url={server.url}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_batches_of_windows_reach_the_speaker_model(tmp_path):
    with TritonServer(tmp_path / "log", client_models="run,speaker_model") as server:
        done = measure(server, "speaker_model", "-b", "4", "--request-count=3")

    assert done.returncode == 0, done.stderr
    assert re.search(r"Server: \n +Inference count: 12\n", done.stdout)
    assert re.search(r"p95 latency: [1-9]\d* usec", done.stdout)


def test_the_sample_recording_and_its_mode_reach_run(server, sample):
    done = measure(
        server, f"--audio_file={sample}", "run", "--request-count=1",
        "--request-parameter=mode:classic:string", "--bls-composing-models=sad,speaker_model",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    windows = re.search(r"speaker_model, version: 1\n +Inference count: (\d+)\n", done.stdout)
    assert 20 < int(windows.group(1)) < 40  # of its 30 s, every 0.75 s where there is speech


def test_a_refused_mode_is_told(server):
    done = measure(server, "run", "--request-count=1", "--request-parameter=mode:no:string")

    assert done.returncode == 1
    assert "parameter 'mode': got 'no', expected one of full, classic" in done.stderr
