"""Live sessions on the real server: results of `run`, sessions at once, and killed processes."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import numpy as np
import pytest
import soundfile
import soxr
import tritonclient.grpc as grpcclient

from e2e.calls import diarize, wav_bytes
from e2e.counters import wait_until
from e2e.live_sessions import PIECE_S, Live
from measure.serve_process import TRITON, serving
from server.triton_server import MODEL_REPOSITORY
from sessions import default_folder

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


def start_and_leave(server):
    """Start a session; returns the error, None if it was accepted, and how long that took."""
    tensor = grpcclient.InferInput("pcm", [1, 0], "INT16")
    tensor.set_data_from_numpy(np.empty((1, 0), np.int16))
    parameters, error = {"session": uuid4().hex, "start": True}, None
    began_s = time.monotonic()
    with grpcclient.InferenceServerClient(server.url) as client:
        try:
            client.infer("stream", [tensor], parameters=parameters)
        except grpcclient.InferenceServerException as refused:
            error = refused
    return error, time.monotonic() - began_s


@pytest.mark.slow
def test_a_thousand_sessions_that_are_left_harm_no_other_and_make_room(tmp_path, sample, pcm):
    copy = tmp_path / "models"
    shutil.copytree(MODEL_REPOSITORY, copy)
    config = copy / "stream" / "config.pbtxt"
    config.write_text(config.read_text().replace('string_value: "600"', 'string_value: "20"'))
    with serving(tmp_path / "triton.log", f"--model-repository={copy}") as server:
        server.wait_until_ready()
        folder = default_folder().with_name(str(server.ports.grpc))
        live = Live(server, pcm)
        with grpcclient.InferenceServerClient(server.url) as client:
            live.send_piece(client)
        own = list(folder.iterdir())
        with ThreadPoolExecutor(8) as threads:
            result = threads.submit(live.result, lambda _: time.sleep(PIECE_S))
            left = list(threads.map(lambda _: start_and_leave(server), range(1000)))
            refusals = [error for error, _ in left if error]
            assert len(refusals) == 1000 - 31
            assert {error.status() for error in refusals} == {"StatusCode.UNAVAILABLE"}
            assert all("expected at most 32 at once" in error.message() for error in refusals)
            assert max(seconds for _, seconds in left) < 5
            assert len(list(folder.iterdir())) == 32
            assert result.result() == diarize(server, sample.read_bytes()).rttm
        live.assert_whole()
        assert live.errors == []
        wait_until(lambda: list(folder.iterdir()) == own)
        assert start_and_leave(server)[0] is None
