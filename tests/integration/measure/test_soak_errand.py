"""The real client.py, killed and started again, against a server that is planted."""

import threading

import numpy as np
import pytest

from integration.client_fake_server import FakeTriton, RefusalError, one_turn
from measure.evaluation.rttm_turns import Turn
from measure.soaking.alone import SoakError
from measure.soaking.errand import Errand

N = 6
SPEECH = (0.1 * np.sin(np.arange(16_000) / 20)).astype(np.float32)
EXPECTED = {f"recording_{n:02d}": [Turn(0.0, 1.0, "SPEAKER_00")] for n in range(N)}


@pytest.fixture
def errand(tmp_path):
    return Errand(tmp_path, SPEECH, N, 0.5)


def problems(errand, status):
    wrong = errand.wrong_answers(EXPECTED)
    return [*wrong, *errand.complaint(status), *errand.litter(EXPECTED)]


def test_a_client_that_is_killed_asks_only_for_the_rest_and_nothing_is_missing(errand):
    halfway = threading.Event()

    def reply(call):
        if len(server.calls) > 3 and not halfway.is_set():
            halfway.wait(60)  # so that the client is killed before it is done
        return one_turn(call)

    with FakeTriton(reply) as server:
        first = errand.start(server.url)
        errand.wait_for(3, first)
        first.kill()
        assert first.wait() == -9
        finished = {path.name.removeprefix("rttm_") for path in errand.output.glob("rttm_*")}
        halfway.set()
        server.calls.clear()
        status = errand.start(server.url).wait()
    assert problems(errand, status) == []
    assert not finished & set(server.ids)
    assert errand.n_done() == N


def test_all_that_can_be_wrong_is_told(errand):
    with FakeTriton() as server:
        status = errand.start(server.url).wait()
    assert problems(errand, status) == []
    files = [errand.output / f"rttm_recording_0{n}" for n in range(N)]
    files[0].write_text(files[0].read_text().replace("1.000", "2.000"))
    files[1].write_text("")
    (errand.output / "rttm_other").write_text("")
    told = problems(errand, 1)
    assert "recording_00: boundaries differ by 1000 ms" in told[0]
    assert "recording_01: got no turns" in told[1]
    assert "client.py ended with status 1" in told[2]
    assert told[3:] == [
        "rttm_other is left in the output folder",
        "the joined rttm is not every recording's answer once",
    ]
    files[2].unlink()
    assert "recording_02: there is no answer" in problems(errand, 0)
    assert "there is no joined rttm of all recordings" in problems(errand, 0)


def test_a_client_that_gives_up_is_not_waited_for(errand):
    def refuse(call):
        raise RefusalError("no")

    with FakeTriton(refuse) as server, pytest.raises(SoakError, match="ended with status 1"):
        errand.wait_for(1, errand.start(server.url))


def test_no_two_recordings_are_alike(errand):
    assert len({path.read_bytes() for path in errand.files.values()}) == N
