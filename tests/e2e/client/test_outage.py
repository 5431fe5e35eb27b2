"""The server is killed and restarted while the client works through a list."""

import subprocess
import sys
import time

import pytest

from e2e.calls import CLIENT
from server.triton_server import TritonServer

IDS = [f"r{number}" for number in range(8)]
WITHIN_S = 120

pytestmark = pytest.mark.triton


@pytest.fixture
def client(sample, tmp_path):
    """A function that starts the client on a list of copies of the sample."""
    (tmp_path / "wav.scp").write_text("".join(f"{each} {sample}\n" for each in IDS))
    started = []

    def start(server):
        command = [sys.executable, CLIENT, f"--url={server.url}", "--wavscp", tmp_path / "wav.scp"]
        process = subprocess.Popen(
            [*command, "--output_directory", tmp_path / "out"], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_no_recording_is_lost_when_the_server_is_killed(client, tmp_path):
    with TritonServer(tmp_path / "tritonserver.log") as server:
        process = client(server)
        deadline = time.monotonic() + WITHIN_S
        while not list((tmp_path / "out").glob("rttm_*")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.kill(drain_s=0)
        server.start()
        _, err = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0, err
    answers = {(tmp_path / "out" / f"rttm_{each}").read_text().replace(each, "") for each in IDS}
    assert len(answers) == 1
    assert "8 done, 0 failed" in err
    assert "were sent again and answered" in err
    assert err.count("WARNING") == 1
