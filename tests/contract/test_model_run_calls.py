"""`run` and the networks it calls: how often, how many at once, and what their failures become."""

import math
import re
import threading

import numpy as np
import pytest

from contract.fake_pb_utils import ModelFailureError, TritonError
from contract.planted_models import (
    SAMPLE_RATE_HZ,
    SLOW_HZ,
    conversation,
    planted_sad,
    planted_speaker_model,
    running,
    server_of_planted_models,
    voice,
)
from diarization.pipeline import WindowBatch

WAIT_S = 20  # how long a call waits for another before the test is given up


@pytest.fixture
def server():
    return server_of_planted_models()


def n_windows_in(seconds):
    """Windows of 1.5 s every 0.75 s in one stretch of speech; the last ends with it."""
    return max(0, math.ceil((seconds - 1.5) / 0.75)) + 1


def sizes(calls):
    """Windows per call, largest first; calls under way together come in any order."""
    return sorted((call.shapes["feats"][0] for call in calls), reverse=True)


def test_speech_detection_is_called_once_per_block_and_gets_its_state_back(server):
    states = []

    def sad(inputs):
        states.append(float(inputs["state"][0, 0]) if "state" in inputs else None)
        return planted_sad(inputs)

    server.models["sad"] = sad
    with running(server, sad__block_s="16", sad__cut_search_s="4") as run:
        run.outputs(run.request(voice(50, SLOW_HZ)))
    n_frames = 16 * SAMPLE_RATE_HZ // 512
    assert [call.shapes["samples"] for call in server.calls_of("sad")] == [
        *[(1, n_frames * 512)] * 3,
        (1, 2 * SAMPLE_RATE_HZ),
    ]
    assert states == [None, n_frames, 2 * n_frames, 3 * n_frames]


def test_one_block_is_one_call_of_speech_detection(server):
    with running(server) as run:
        run.outputs(run.request(voice(60, SLOW_HZ)))
    assert len(server.calls_of("sad")) == 1


def test_windows_go_to_the_speaker_model_64_at_a_time(server):
    with running(server) as run:
        run.outputs(run.request(voice(100, SLOW_HZ)))
    n_windows = n_windows_in(100)
    assert n_windows == 133
    assert sizes(server.calls_of("speaker_model")) == [64, 64, 5]
    assert {call.shapes["feats"][1:] for call in server.calls_of("speaker_model")} == {(148, 80)}


@pytest.mark.parametrize("windows", [1, 7, 64])
def test_no_call_has_more_windows_than_configured(server, windows):
    with running(server, calls__windows=str(windows)) as run:
        run.outputs(run.request(voice(9, SLOW_HZ)))
    calls = sizes(server.calls_of("speaker_model"))
    assert max(calls) <= windows
    assert sum(calls) == n_windows_in(9)
    assert len(calls) == math.ceil(n_windows_in(9) / windows)


def test_silence_calls_no_speaker_model(server):
    with running(server) as run:
        run.outputs(run.request(np.zeros(10 * SAMPLE_RATE_HZ, np.float32)))
    assert [call.model for call in server.calls] == ["sad"]


def test_no_audio_calls_nothing(server):
    with running(server) as run:
        run.outputs(run.request(np.empty(0, np.float32)))
    assert server.calls == []


def test_calls_carry_their_time_limit_in_microseconds(server):
    with running(server, calls__timeout_s="2.5") as run:
        run.outputs(run.request(conversation()))
    assert {call.timeout_us for call in server.calls} == {2_500_000}


class CountedSpeakerModel:
    """Counts calls under way; each waits until `in_flight` of them are, so that all slots fill."""

    def __init__(self, in_flight):
        self.n_now = self.n_most = 0
        self._lock = threading.Lock()
        self._full = threading.Barrier(in_flight)

    def __call__(self, inputs):
        with self._lock:
            self.n_now += 1
            self.n_most = max(self.n_most, self.n_now)
        self._full.wait(WAIT_S)
        outputs = planted_speaker_model(inputs)
        with self._lock:
            self.n_now -= 1
        return outputs


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_as_many_calls_are_under_way_as_configured_and_no_more(server, in_flight):
    model = CountedSpeakerModel(in_flight)
    server.models["speaker_model"] = model
    with running(server, calls__in_flight=str(in_flight), calls__windows="1") as run:
        run.outputs(run.request(voice(5.25, SLOW_HZ)))
    assert len(server.calls_of("speaker_model")) == n_windows_in(5.25) == 6
    assert model.n_most == in_flight


def test_batches_are_not_prepared_further_ahead_than_calls_may_be_under_way(server):
    with running(server, calls__in_flight="2") as run:
        n_pulled, n_answered, ahead = 0, 0, []

        def batches():
            nonlocal n_pulled
            for first in range(8):
                ahead.append(n_pulled - n_answered)
                n_pulled += 1
                windows = np.array([[first, first + 24_000]])
                yield WindowBatch(windows, np.zeros((1, 148, 80), np.float32))

        models = run.module.ServerModels(
            run.model.options.calls, run.module.Measurements(), lambda: False
        )
        order = []
        for batch, embeddings in models.embed(batches()):
            n_answered += 1
            order.append(int(batch.windows[0, 0]))
            assert embeddings.shape == (1, 2)
    assert order == list(range(8))
    assert max(ahead) == 1  # one under way while the next is prepared


@pytest.mark.parametrize("failing", ["sad", "speaker_model"])
def test_a_failed_call_is_unavailable_and_its_reason_is_in_the_log_only(server, failing):
    def broken(inputs):
        raise ModelFailureError("stub of /opt/models/secret.bin died\nTraceback: line 3")

    server.models[failing] = broken
    with running(server) as run:
        error = run.error(run.request(conversation()))
    assert error.code() is TritonError.UNAVAILABLE
    assert f"model '{failing}' failed" in error.message()
    assert "/" not in error.message()
    assert "Traceback" not in error.message()
    assert "\n" not in error.message()
    (logged,) = {*server.logger.errors}
    assert "stub of /opt/models/secret.bin died" in logged
    assert failing in logged


def test_after_a_failed_call_no_further_one_is_made(server):
    def broken(inputs):
        raise ModelFailureError("out of memory")

    server.models["speaker_model"] = broken
    with running(server, calls__windows="1", calls__in_flight="2") as run:
        error = run.error(run.request(conversation()))
    assert error.code() is TritonError.UNAVAILABLE
    assert len(server.calls_of("speaker_model")) <= 2


def test_a_failed_call_fails_one_request_only(server):
    def sometimes_broken(inputs):
        if len(server.calls_of("sad")) == 2:
            raise ModelFailureError("out of memory")
        return planted_sad(inputs)

    server.models["sad"] = sometimes_broken
    with running(server) as run:
        outcomes = run.execute(*[run.request(conversation()) for _ in range(3)])
    assert [isinstance(outcome, TritonError) for outcome in outcomes] == [False, True, False]


def test_a_request_cancelled_before_the_start_calls_nothing(server):
    with running(server) as run:
        error = run.error(run.request(conversation(), is_cancelled=lambda: True))
    assert error.code() is TritonError.CANCELLED
    assert server.calls == []


def test_a_request_cancelled_during_speech_detection_calls_no_speaker_model(server):
    gone = threading.Event()

    def sad(inputs):
        gone.set()
        return planted_sad(inputs)

    server.models["sad"] = sad
    with running(server) as run:
        error = run.error(run.request(conversation(), is_cancelled=gone.is_set))
    assert error.code() is TritonError.CANCELLED
    assert [call.model for call in server.calls] == ["sad"]


def test_a_request_cancelled_during_a_speaker_call_makes_no_further_one(server):
    gone = threading.Event()

    def speaker_model(inputs):
        gone.set()
        return planted_speaker_model(inputs)

    server.models["speaker_model"] = speaker_model
    with running(server, calls__windows="1", calls__in_flight="1") as run:
        error = run.error(run.request(conversation(), is_cancelled=gone.is_set))
    assert error.code() is TritonError.CANCELLED
    assert len(server.calls_of("speaker_model")) == 1
    assert server.logger.errors == []


def test_the_unexpected_is_an_internal_error_with_its_traceback_in_the_log_only(
    server, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError("while reading /srv/secret")

    with running(server) as run:
        healthy = run.request(conversation())
        monkeypatch.setattr(run.module, "format_rttm", broken)
        error = run.error(run.request(conversation()))
        monkeypatch.undo()
        run.outputs(healthy)
    assert error.code() is TritonError.INTERNAL
    assert error.message() == "internal error; the server's log says more"
    (logged,) = server.logger.errors
    assert logged.startswith("Traceback")
    assert "ZeroDivisionError: while reading /srv/secret" in logged


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        ("sad__onst", "0.5", "unknown parameter 'sad.onst'; known: sad.onset"),
        ("windows", "64", "unknown parameter 'windows'"),
        ("sad__onset", "loud", "parameter 'sad.onset': got 'loud', expected float"),
        ("calls__windows", "6.5", "parameter 'calls.windows': got '6.5', expected int"),
        ("calls__in_flight", "0", "calls.in_flight must be at least 1"),
        ("window__analysis", "hann", "window.analysis: got 'hann'"),
    ],
)
def test_a_wrong_parameter_in_the_configuration_keeps_the_model_from_loading(
    server, parameter, value, text
):
    with pytest.raises(ValueError, match=re.escape(text)), running(server, **{parameter: value}):
        pass
