"""Live sessions on the real server: results of `run`, sessions at once, and killed processes."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import soundfile
import soxr
import tritonclient.grpc as grpcclient

from e2e.calls import diarize, wav_bytes
from measure.serve_process import TRITON, serving

PIECE_S = 0.5
REST_S = 0.2  # between two requests while the server is away
BACK_WITHIN_S = 120

pytestmark = [pytest.mark.triton, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pcm(sample):
    """The sample as 16-bit integers at 16 kHz."""
    samples, _ = soundfile.read(sample, dtype="int16")
    return samples


class Live:
    """A client of one session, which sends what the server may have lost again.

    Attributes
    ----------
    events
        All that came, in order.
    received
        Samples that the server has.
    errors
        Status of every request that failed.
    """

    def __init__(self, server, pcm, rate_hz=16_000, **parameters):
        self.events, self.received, self.errors = [], 0, []
        self._url, self._pcm, self._size = server.url, pcm, round(PIECE_S * rate_hz)
        self._session = {"session": uuid4().hex}
        self._start = {"start": True, "rate_hz": rate_hz, **parameters}

    def send_piece(self, client):
        """Send the piece that comes next."""
        piece = self._pcm[self.received : self.received + self._size]
        tensor = grpcclient.InferInput("pcm", [1, len(piece)], "INT16")
        tensor.set_data_from_numpy(piece[None])
        parameters = {
            **self._session,
            **(self._start if self.received == 0 else {}),
            "position": self.received,
            "seen": self.events[-1]["seq"] if self.events else 0,
            "end": self.received + len(piece) == len(self._pcm),
        }
        result = client.infer("stream", [tensor], parameters=parameters, client_timeout=60)
        answer = json.loads(result.as_numpy("EVENTS").item())
        self.events += answer["events"]
        self.received = answer["received"]

    def result(self, before_piece=lambda number: None):
        """Send all of it, and return the text of the result."""
        deadline = time.monotonic() + BACK_WITHIN_S
        with grpcclient.InferenceServerClient(self._url) as client:
            while not self.events or self.events[-1]["type"] != "result":
                before_piece(self.received // self._size)
                try:
                    self.send_piece(client)
                    deadline = time.monotonic() + BACK_WITHIN_S
                except grpcclient.InferenceServerException as error:
                    if time.monotonic() > deadline:
                        raise
                    self.errors.append(error.status())
                    time.sleep(REST_S)
        return self.events[-1]["rttm"]

    def assert_whole(self):
        """No event is lost or doubled, and all audio was heard."""
        assert [event["seq"] for event in self.events] == [*range(1, len(self.events) + 1)]
        assert self.received == len(self._pcm)


def test_a_streamed_recording_has_the_result_of_run(server, sample, pcm):
    live = Live(server, pcm, recording_id="call")
    rttm = live.result()
    live.assert_whole()
    assert rttm == diarize(server, sample.read_bytes(), recording_id="call").rttm
    assert {line.split()[7] for line in rttm.splitlines()} == {"SPEAKER_00", "SPEAKER_01"}
    assert {event["type"] for event in live.events} >= {"turn", "progress", "result"}
    assert live.errors == []


def test_a_streamed_telephone_call_has_the_result_of_run(server, pcm):
    narrow = soxr.resample(pcm, 16_000, 8000)
    live = Live(server, narrow, 8000)
    assert live.result() == diarize(server, wav_bytes(narrow, 8000)).rttm != ""
    live.assert_whole()


def test_sessions_at_once_each_have_their_own_result(server, pcm):
    excerpts = [pcm[n * 16_000 : (14 + 4 * n) * 16_000] for n in range(4)]
    expected = [diarize(server, wav_bytes(excerpt)).rttm for excerpt in excerpts]
    lives = [Live(server, excerpt) for excerpt in excerpts]
    with ThreadPoolExecutor(len(lives)) as threads:
        results = list(threads.map(Live.result, lives))
    assert results == expected
    for live in lives:
        live.assert_whole()


@pytest.mark.parametrize("victim", ["stream", pytest.param(TRITON, marks=pytest.mark.slow)])
def test_a_session_outlives_a_killed_process(tmp_path, sample, pcm, victim):
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = diarize(server, sample.read_bytes()).rttm

        def kill(number):
            if number == 30 and not live.errors:
                os.kill(server.pid_of(victim), signal.SIGKILL)

        live = Live(server, pcm)
        assert live.result(kill) == expected
        assert server.line().startswith("ready again after ")
    live.assert_whole()
    assert set(live.errors) == {"StatusCode.UNAVAILABLE"}
