"""Requests made to crash, stall or fill the server: refused at once, while others are answered."""

import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from e2e.calls import diarize
from gateways import wait_until
from measure.serve_process import TRITON, serving
from server.proxy import CONNECTION_S
from server.readiness import not_ready
from server.triton_server import MODEL_REPOSITORY

AT_ONCE_S = 5
NOTICED_WITHIN_S = 30
AGAIN_WITHIN_S = 30  # a start, on a busy machine
# Appended to a model: once the file is there, the next request waits for ever, the first time only.
DEADLOCK = """
from threading import Event
answer = TritonPythonModel.execute
def execute(self, requests):
    with __import__("contextlib").suppress(FileNotFoundError):
        Path({!r}).unlink()
        Event().wait()
    return answer(self, requests)
TritonPythonModel.execute = execute
"""
MANY = 300  # idle connections; both their ends are files of this process

pytestmark = [pytest.mark.triton, pytest.mark.timeout(600)]


@contextmanager
def unharmed(server, sample):
    """Assert that the same processes answer before and after the block."""
    before, processes = diarize(server, sample.read_bytes()).rttm, dict(server.models)
    yield
    assert diarize(server, sample.read_bytes()).rttm == before
    assert server.ended() == ""
    assert server.models == processes


def ask(server, shape, samples=b"", name="input", model="run", **parameters):
    """Status and text of a request that must be refused at once."""
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype="FP32", shape=shape)
    asked = pb.ModelInferRequest(
        model_name=model,
        inputs=[tensor],
        raw_input_contents=[samples],
        parameters={key: pb.InferParameter(string_param=text) for key, text in parameters.items()},
    )
    began_s = time.monotonic()
    with grpc.insecure_channel(server.url) as channel, pytest.raises(grpc.RpcError) as refused:
        GRPCInferenceServiceStub(channel).ModelInfer(asked, timeout=60)
    assert time.monotonic() - began_s < AT_ONCE_S
    return refused.value.code().name, refused.value.details()


def test_shapes_that_abort_tritons_stub_are_refused(server, sample):
    with unharmed(server, sample):
        for shape, samples in [
            ([-2, -2], bytes(16)),
            ([-1, -4], bytes(16)),
            ([1, 2**62], b""),
            ([1, 2**62 + 4], bytes(16)),
            ([2**32, 2**32], b""),
            ([0, 2**62], b""),
        ]:
            status, text = ask(server, shape, samples)
            assert status == "INVALID_ARGUMENT"
            assert f"got shape {shape}, expected" in text


@pytest.mark.parametrize(
    ("model", "name", "shape"),
    [
        ("sad", "samples", [1_000_000, 1]),
        ("speaker_model", "feats", [1, 100_000, 80]),
        ("segmentation", "wav", [8, 1, 160_000]),
    ],
)
def test_inner_models_cannot_be_kept_busy(server, sample, model, name, shape):
    n_bytes = 4 * shape[0] * shape[1] * (shape[2] if len(shape) > 2 else 1)
    with unharmed(server, sample):
        assert ask(server, shape, bytes(n_bytes), name, model)[0] == "PERMISSION_DENIED"


@pytest.mark.parametrize("parameters", [{"recording_id": "a\0b"}, {"num_speakers\0x": "1"}])
def test_strings_that_triton_would_cut_at_nul_are_refused(server, parameters):
    status, text = ask(server, [1, 16_000], bytes(64_000), **parameters)
    assert status == "INVALID_ARGUMENT"
    assert "expected no NUL character" in text


@pytest.mark.parametrize("service", ["http", "metrics"])
def test_http_requests_that_crash_triton_are_refused(server, sample, service):
    head = b"POST /v2/models/run/infer HTTP/1.1\r\nHost: x\r\n"
    nested = b"[" * 200_000
    with unharmed(server, sample):
        for body in (
            head + b"Content-Length: %d\r\n\r\n" % len(nested) + nested,
            head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 700_000 + b"0\r\n\r\n",
        ):
            with connection_to(server, service) as connection:
                assert answer_to(connection, body).startswith(b"HTTP/1.1 501 ")
        assert not_ready(server.http_url) == ""


def connection_to(server, service):
    return socket.create_connection(("127.0.0.1", getattr(server.ports, service)), timeout=60)


def answer_to(connection, request):
    """The response, even if the server hangs up before it has read everything."""
    with suppress(OSError):
        connection.sendall(request)
    try:
        return connection.recv(100)
    except ConnectionError:
        return b"HTTP/1.1 501 (reset before it could be read)"


@pytest.mark.slow
@pytest.mark.parametrize("service", ["http", "grpc", "metrics"])
def test_idle_connections_are_closed_and_block_no_other(server, sample, service):
    with unharmed(server, sample), ExitStack() as stack:
        silent = [stack.enter_context(connection_to(server, service)) for _ in range(MANY)]
        began_s = time.monotonic()
        assert diarize(server, sample.read_bytes()).turns
        assert not_ready(server.http_url) == ""
        for connection in silent:
            connection.settimeout(max(0.1, began_s + 3 * CONNECTION_S - time.monotonic()))
            while connection.recv(1000):
                pass


@pytest.mark.slow
@pytest.mark.parametrize("model", ["run", "sad", "segmentation", "speaker_model", "stream"])
def test_a_hanging_model_process_is_detected_and_replaced(model, tmp_path, sample):
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = diarize(server, sample.read_bytes()).rttm
        os.kill(server.stubs_of(model)[0], signal.SIGSTOP)
        began_s = time.monotonic()
        line = server.line()
        assert time.monotonic() - began_s < NOTICED_WITHIN_S + AGAIN_WITHIN_S
        assert f"model '{model}' hang" in line
        assert diarize(server, sample.read_bytes()).rttm == expected


def status_of(server, health):
    """Status and text of `live` or `ready`."""
    try:
        with urllib.request.urlopen(f"{server.http_url}/v2/health/{health}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["run", "sad", "stream"])
def test_a_model_in_a_deadlock_is_not_live_until_the_server_is_restarted(model, tmp_path, sample):
    repository, trigger = tmp_path / "models", tmp_path / "lock"
    shutil.copytree(MODEL_REPOSITORY, repository)
    with (repository / model / "1" / "model.py").open("a") as code:
        code.write(DEADLOCK.format(str(trigger)))
    with serving(tmp_path / "triton.log", f"--model-repository={repository}") as server:
        server.wait_until_ready()
        expected = diarize(server, sample.read_bytes()).rttm
        assert status_of(server, "live") == (200, "")
        os.kill(server.process.pid, signal.SIGSTOP)  # or it would restart the server at once
        trigger.touch()
        wait_until(lambda: status_of(server, "live")[0] == 503, NOTICED_WITHIN_S)
        hanging = (503, f"models that do not answer: {model}")
        assert status_of(server, "live") == status_of(server, "ready") == hanging
        os.kill(server.process.pid, signal.SIGCONT)
        assert server.line().endswith(f"{hanging[1]}; restart 1")
        assert status_of(server, "live") == (200, "")
        assert diarize(server, sample.read_bytes()).rttm == expected


@pytest.mark.slow
@pytest.mark.parametrize("program", ["tritonserver", "proxy.py"])
def test_a_hanging_server_is_detected_and_replaced(program, tmp_path, sample):
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = diarize(server, sample.read_bytes()).rttm
        pid = server.pid_of(TRITON) if program == TRITON else server.proxy()
        os.kill(pid, signal.SIGSTOP)
        began_s = time.monotonic()
        assert "do not answer" in server.line() or program == "proxy.py"
        assert time.monotonic() - began_s < NOTICED_WITHIN_S + AGAIN_WITHIN_S
        assert diarize(server, sample.read_bytes()).rttm == expected
