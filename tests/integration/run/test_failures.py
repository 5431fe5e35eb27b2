"""Failed calls, cancelled requests, a draining server and invalid settings of `run`."""

import re
import threading

import pytest

from integration.fake_pb_utils import ModelFailureError, TritonError
from integration.planted_models import conversation, running, server_of_planted_models

MODELS_OF_MODE = {
    "full": ["sad", "segmentation", "speaker_model"],
    "classic": ["sad", "speaker_model"],
}
EVERY_CALL = [(mode, model) for mode, models in MODELS_OF_MODE.items() for model in models]
ONE_BY_ONE = {"calls__chunks": "1", "calls__windows": "1"}


@pytest.fixture
def server():
    return server_of_planted_models()


@pytest.fixture(params=MODELS_OF_MODE)
def mode(request):
    return request.param


def long_conversation(run, mode, **more):
    """A request that takes several calls to every model but `sad`."""
    return run.request(conversation(4), {"mode": mode}, **more)


@pytest.mark.parametrize(("mode", "failing"), EVERY_CALL)
def test_a_failed_call_is_unavailable_and_its_reason_is_in_the_log_only(server, mode, failing):
    def broken(inputs):
        raise ModelFailureError("stub of /opt/models/secret.bin died\nTraceback: line 3")

    server.models[failing] = broken
    with running(server) as run:
        error = run.error(run.request(conversation(), {"mode": mode}))
    assert error.code() is TritonError.UNAVAILABLE
    assert f"model '{failing}' failed" in error.message()
    assert "/" not in error.message()
    assert "Traceback" not in error.message()
    assert "\n" not in error.message()
    (logged,) = {*server.logger.errors}
    assert "stub of /opt/models/secret.bin died" in logged
    assert failing in logged


@pytest.mark.parametrize(("mode", "failing"), EVERY_CALL)
def test_no_call_follows_a_failed_one(server, mode, failing):
    def broken(inputs):
        raise ModelFailureError("out of memory")

    server.models[failing] = broken
    with running(server, **ONE_BY_ONE, calls__in_flight="2") as run:
        error = run.error(long_conversation(run, mode))
    assert error.code() is TritonError.UNAVAILABLE
    assert len(server.calls_of(failing)) <= 2
    later = MODELS_OF_MODE[mode][MODELS_OF_MODE[mode].index(failing) + 1 :]
    assert not {call.model for call in server.calls} & {*later}


@pytest.mark.parametrize(("mode", "failing"), EVERY_CALL)
def test_a_failed_call_fails_one_request_only(server, mode, failing):
    working = server.models[failing]

    def sometimes_broken(inputs):
        if len(server.calls_of(failing)) == 2:
            raise ModelFailureError("out of memory")
        return working(inputs)

    server.models[failing] = sometimes_broken
    with running(server) as run:
        requests = [run.request(conversation(), {"mode": mode}) for _ in range(3)]
        outcomes = run.execute(*requests)
    assert [isinstance(outcome, TritonError) for outcome in outcomes] == [False, True, False]
    assert outcomes[1].code() is TritonError.UNAVAILABLE


def test_classic_requests_are_answered_while_the_segmentation_model_fails(server):
    def broken(inputs):
        raise ModelFailureError("out of memory")

    server.models["segmentation"] = broken
    with running(server) as run:
        requests = [run.request(conversation(), {"mode": mode}) for mode in ("full", "classic")]
        refused, answered = run.execute(*requests)
    assert refused.code() is TritonError.UNAVAILABLE
    assert answered["LABELS"].shape == (1, 2, 3)


def test_a_request_cancelled_before_the_start_calls_nothing(server, mode):
    with running(server) as run:
        error = run.error(run.request(conversation(), {"mode": mode}, is_cancelled=lambda: True))
    assert error.code() is TritonError.CANCELLED
    assert server.calls == []


@pytest.mark.parametrize(("mode", "during"), EVERY_CALL)
def test_a_request_cancelled_during_a_call_makes_no_further_one(server, mode, during):
    gone = threading.Event()
    working = server.models[during]

    def leaving(inputs):
        gone.set()
        return working(inputs)

    server.models[during] = leaving
    with running(server, **ONE_BY_ONE, calls__in_flight="1") as run:
        error = run.error(long_conversation(run, mode, is_cancelled=gone.is_set))
    assert error.code() is TritonError.CANCELLED
    assert server.calls[-1].model == during
    assert len(server.calls_of(during)) == 1
    assert server.logger.errors == []


def test_an_unexpected_exception_is_an_internal_error_with_its_traceback_only_in_the_log(
    server, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError("while reading /srv/secret")

    with running(server) as run:
        healthy = run.request(conversation())
        monkeypatch.setattr(run.module, "output_arrays", broken)
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
        ("calls__chunks", "0", "calls.chunks and calls.in_flight must be at least 1"),
        ("window__analysis", "hann", "window.analysis: got 'hann'"),
        ("default__mode", "fast", "default.mode: got 'fast', expected one of full, classic"),
        ("frames__chunk_hop_s", "10", "chunk_hop_s"),  # a chunk's frames end 9.94 s in
    ],
)
def test_an_invalid_parameter_in_the_configuration_prevents_loading(server, parameter, value, text):
    with pytest.raises(ValueError, match=re.escape(text)), running(server, **{parameter: value}):
        pass


def test_requests_are_refused_while_the_server_drains(server, tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    monkeypatch.setenv("DIARIZATION_DRAIN_LOCK", str(lock))
    with running(server) as run:
        lock.write_bytes(b"x")
        error = run.error(run.request(conversation()))
        assert error.code() is TritonError.UNAVAILABLE
        assert error.message() == "the server is stopping; ask again in a while"
        assert not server.logger.errors
        lock.write_bytes(b"")
        assert run.outputs(run.request(conversation()))["RTTM"]
