"""The real client.py, killed and started again, with a fake server; a gateway that hangs."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from formats.result import Turn
from integration.client_fake_server import FakeTriton, RefusalError, one_turn
from measure.soaking.attacks import stop_gateway
from measure.soaking.faults import ClientRun
from measure.soaking.requests import SoakError

N = 6
SPEECH = (0.1 * np.sin(np.arange(16_000) / 20)).astype(np.float32)
EXPECTED = {f"recording_{n:02d}": [Turn(0, 1000, "SPEAKER_00")] for n in range(N)}


@pytest.fixture
def run(tmp_path):
    return ClientRun(tmp_path, SPEECH, N, 0.5)


def problems(run, status):
    wrong = run.wrong_answers(EXPECTED)
    return [*wrong, *run.exit_problem(status), *run.unexpected_files()]


def test_killed_client_sends_only_the_rest_and_nothing_is_missing(run):
    halfway = threading.Event()

    def reply(call):
        if len(server.calls) > 3 and not halfway.is_set():
            halfway.wait(60)  # so that the client is killed before it is done
        return one_turn(call)

    with FakeTriton(reply) as server:
        first = run.start(server.url)
        run.wait_for(3, first)
        first.kill()
        assert first.wait() == -9
        finished = {path.name.removeprefix("rttm_") for path in run.output.glob("rttm_*")}
        halfway.set()
        server.calls.clear()
        status = run.start(server.url).wait()
    assert problems(run, status) == []
    assert not finished & set(server.ids)
    assert run.n_answered() == N


def test_everything_wrong_is_reported(run):
    with FakeTriton() as server:
        status = run.start(server.url).wait()
    assert problems(run, status) == []
    files = [run.output / f"rttm_recording_0{n}" for n in range(N)]
    files[0].write_text(files[0].read_text().replace("1.000", "2.000"))
    files[1].write_text("")
    (run.output / "rttm_other").write_text("")
    found = problems(run, 1)
    assert "recording_00: boundaries differ by 1000 ms" in found[0]
    assert "recording_01: got no turns" in found[1]
    assert "client.py ended with status 1" in found[2]
    assert found[3:] == [
        "rttm_other is left in the output folder",
        "the joined rttm is not every recording's answer once",
    ]
    files[2].unlink()
    assert "recording_02: there is no answer" in problems(run, 0)
    assert "there is no joined rttm of all recordings" in problems(run, 0)


def test_client_that_gives_up_is_not_waited_for(run):
    def refuse(call):
        raise RefusalError("no")

    with FakeTriton(refuse) as server, pytest.raises(SoakError, match="ended with status 1"):
        run.wait_for(1, run.start(server.url))


def test_recordings_differ(run):
    assert len({path.read_bytes() for path in run.files.values()}) == N


def test_gateway_that_does_not_stop_is_killed():
    ignoring = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", ignoring], stdout=subprocess.PIPE)
    with process:
        process.stdout.readline()
        with pytest.raises(SoakError, match=r"did not stop within 0.2 s and was killed"):
            stop_gateway(process, within_s=0.2)
    assert process.returncode == -9
