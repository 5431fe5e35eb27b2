"""Live sessions on the real server: results of `run`, sessions at once, and killed processes."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import soundfile
import soxr

from e2e.calls import diarize, wav_bytes
from e2e.live_sessions import Live
from measure.serve_process import TRITON, serving

pytestmark = [pytest.mark.triton, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pcm(sample):
    """The sample as 16-bit integers at 16 kHz."""
    samples, _ = soundfile.read(sample, dtype="int16")
    return samples


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


@pytest.mark.slow  # a session outlives a killed `run` in every run
@pytest.mark.parametrize("victim", ["stream", TRITON])
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
