"""The proxy as a process, in front of a fake Triton whose answers are chosen by the request."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    GRPCInferenceServiceStub,
    add_GRPCInferenceServiceServicer_to_server,
)

from server.flags import Ports, proxy_flags, sockets_at
from server.processes import NOT_READY, alive, start_proxy, stop
from server.proxy_rules import Backoff
from server.readiness import not_ready

WAIT_S = 60
LARGEST = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
DEAD = "Stub process 'run_0_2' is not healthy."
AWAY = "the server is starting again; try again later"
UNAVAILABLE, INVALID = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT


class Triton(GRPCInferenceServiceServicer):
    """Answers a request with its id; an id that begins with a status code's name ends in it."""

    def __init__(self):
        self.cancelled, self.seen, self.released = [], [], threading.Event()

    def ServerReady(self, request, context):  # noqa: N802
        return pb.ServerReadyResponse(ready=True)

    def ModelInfer(self, request, context):  # noqa: N802
        self.seen.append(dict(context.invocation_metadata()))
        code, _, details = request.id.partition(" ")
        if code == "WAIT":
            context.add_callback(lambda: self.cancelled.append(request.id))
            time.sleep(float(details))
        if code == "HOLD":
            self.released.wait(3 * WAIT_S)
        if code in grpc.StatusCode.__members__:
            context.abort(grpc.StatusCode[code], details)
        sizes = [len(each) for each in request.raw_input_contents]
        return pb.ModelInferResponse(id=request.id, model_version=str(sum(sizes)))

    def ModelStreamInfer(self, requests, context):  # noqa: N802
        for request in requests:
            answer = self.ModelInfer(request, context)
            yield pb.ModelStreamInferResponse(infer_response=answer)


@pytest.fixture
def sockets(tmp_path):
    return sockets_at(tmp_path / "s_")


@contextmanager
def triton_at(sockets):
    triton, server = Triton(), grpc.server(ThreadPoolExecutor(8), options=LARGEST)
    add_GRPCInferenceServiceServicer_to_server(triton, server)
    server.add_insecure_port(f"unix:{sockets.grpc}")
    server.start()
    try:
        yield triton
    finally:
        server.stop(None).wait()


def drain_lock(sockets):
    """Path of the drain lock beside the sockets; there is none until a test makes it."""
    return sockets.metrics.with_name("drain")


@contextmanager
def proxy_of(sockets):
    """Ports, process, HTTP address and gRPC stub of a proxy."""
    ports = Ports.free()
    process = start_proxy(proxy_flags([], vars(ports), sockets, drain_lock(sockets), "run"))
    try:
        url = f"http://127.0.0.1:{ports.http}"
        wait_for(lambda: not_ready(url) is not None)
        with grpc.insecure_channel(f"127.0.0.1:{ports.grpc}", options=LARGEST) as channel:
            stub = GRPCInferenceServiceStub(channel)
            yield SimpleNamespace(ports=ports, process=process, url=url, stub=stub)
    finally:
        stop(process)


@pytest.fixture
def proxy(sockets):
    with proxy_of(sockets) as running:
        yield running


@pytest.fixture
def triton(sockets, proxy):
    with triton_at(sockets) as running:
        wait_for(lambda: not_ready(proxy.url) == "")
        yield running


def wait_for(true, within_s=WAIT_S):
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def request(text="", name="AUDIO", **fields):
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype="BYTES", shape=[1])
    return pb.ModelInferRequest(**{"model_name": "run", "id": text, "inputs": [tensor], **fields})


def refusal(proxy, *args, **fields):
    """Status and text that a request gets."""
    with pytest.raises(grpc.RpcError) as refused:
        proxy.stub.ModelInfer(request(*args, **fields), timeout=WAIT_S)
    return refused.value.code(), refused.value.details()


def test_requests_and_answers_pass_unchanged_with_their_headers(proxy, triton):
    large = request("mine", raw_input_contents=[bytes(64_000_000)])
    answer = proxy.stub.ModelInfer(large, timeout=WAIT_S, metadata=[("some-key", "secret")])
    assert (answer.id, answer.model_version) == ("mine", "64000000")
    assert triton.seen[-1]["some-key"] == "secret"


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNAVAILABLE", "NOT_FOUND", "INTERNAL"])
def test_errors_pass_unchanged(code, proxy, triton):
    assert refusal(proxy, f"{code} some text") == (grpc.StatusCode[code], "some text")


def test_errors_do_not_contain_names_of_shared_memory(proxy, triton):
    said = "Failed to increase the shared memory pool size for key 'x_1' to 9 bytes."
    text = "Failed to increase the shared memory pool size to 9 bytes."
    assert refusal(proxy, f"INTERNAL {said}") == (grpc.StatusCode.INTERNAL, text)


def test_forbidden_requests_do_not_reach_triton(proxy, triton):
    code, text = refusal(proxy, model_name="sad")
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "got 'sad', expected" in text
    shape = pb.ModelInferRequest.InferInputTensor(name="input", datatype="FP32", shape=[1, 2**62])
    assert refusal(proxy, inputs=[shape])[0] is INVALID
    assert refusal(proxy, parameters={"a": pb.InferParameter(string_param="\0")})[0] is INVALID
    call = proxy.stub.ModelStreamInfer(iter([request(model_name="sad")]), timeout=WAIT_S)
    with pytest.raises(grpc.RpcError, match="got 'sad', expected"):
        next(call)
    assert triton.seen == []


def test_streams_pass_in_order(proxy, triton):
    call = proxy.stub.ModelStreamInfer(map(request, "abc"), timeout=WAIT_S)
    assert [answer.infer_response.id for answer in call] == ["a", "b", "c"]


def test_a_stream_ends_at_the_first_request_that_is_refused(proxy, triton):
    requests = [request("a"), request("b", model_name="sad"), request("c")]
    call = proxy.stub.ModelStreamInfer(iter(requests), timeout=WAIT_S)
    with pytest.raises(grpc.RpcError, match="got 'sad', expected"):
        list(call)
    assert len(triton.seen) <= 1


def test_a_call_without_a_message_is_refused(proxy, triton):
    with pytest.raises(grpc.RpcError, match="expected a message, got none"):
        list(proxy.stub.ModelStreamInfer(iter([]), timeout=WAIT_S))


def test_requests_that_wait_take_no_memory(proxy, triton):
    before_bytes, n_bytes = resident_bytes(proxy.process.pid), 50_000_000
    large = request("HOLD", raw_input_contents=[bytes(n_bytes)])
    calls = [proxy.stub.ModelInfer.future(large) for _ in range(6)]
    wait_for(lambda: len(triton.seen) == len(calls))
    # Of 300 MB the allocator keeps 50 to 170 that are free; malloc_trim would return them.
    wait_for(lambda: resident_bytes(proxy.process.pid) < before_bytes + 5 * n_bytes)
    triton.released.set()
    assert [call.result(WAIT_S).id for call in calls] == ["HOLD"] * len(calls)


def resident_bytes(pid):
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_other_calls_pass_with_their_status(proxy, triton):
    with pytest.raises(grpc.RpcError) as refused:
        proxy.stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=WAIT_S)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_cancelling_or_a_deadline_cancels_the_work(proxy, triton):
    with pytest.raises(grpc.RpcError, match="Deadline Exceeded"):
        proxy.stub.ModelInfer(request("WAIT 2"), timeout=0.2)
    wait_for(lambda: triton.cancelled == ["WAIT 2"], within_s=1)
    call = proxy.stub.ModelInfer.future(request("WAIT 3"))
    wait_for(lambda: len(triton.seen) == 2)
    call.cancel()
    wait_for(lambda: triton.cancelled == ["WAIT 2", "WAIT 3"], within_s=1)


def test_an_unavailable_server_is_reported_without_its_sockets_and_found_again(proxy, sockets):
    assert not_ready(proxy.url) == AWAY
    assert refusal(proxy) == (UNAVAILABLE, AWAY)
    with triton_at(sockets):
        wait_for(lambda: not_ready(proxy.url) == "")
        assert proxy.stub.ModelInfer(request("a"), timeout=WAIT_S).id == "a"
    wait_for(lambda: not_ready(proxy.url) == AWAY)


def test_requests_like_one_that_killed_a_process_are_refused_for_a_while(proxy, triton):
    assert refusal(proxy, f"INTERNAL {DEAD}") == (UNAVAILABLE, AWAY)
    began_s = time.monotonic()
    code, text = refusal(proxy, "next")
    assert code is UNAVAILABLE
    assert "the server crashed while it worked on such requests of this client" in text
    assert proxy.stub.ModelInfer(request("b", name="input"), timeout=WAIT_S).id == "b"
    wait_for(lambda: time.monotonic() > began_s + Backoff.FIRST_S)
    assert proxy.stub.ModelInfer(request("a"), timeout=WAIT_S).id == "a"


def test_refused_kinds_are_logged_on_standard_error(sockets, capfd):
    with proxy_of(sockets) as proxy, triton_at(sockets):
        wait_for(lambda: not_ready(proxy.url) == "")
        refusal(proxy, f"INTERNAL {DEAD}")
    said = "proxy: crash 1 during a request of ('ipv4:127.0.0.1', 'AUDIO'); held off for 2 s\n"
    assert capfd.readouterr().err == said


CRASHES = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
answers = {"ServerReady": lambda *_: b"\\x08\\x01", "ModelInfer": lambda *_: os._exit(1)}
handlers = {name: grpc.unary_unary_rpc_method_handler(each) for name, each in answers.items()}
server = grpc.server(ThreadPoolExecutor(4))
service = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
server.add_generic_rpc_handlers((service,))
server.add_insecure_port(f"unix:{sys.argv[1]}")
server.start()
server.wait_for_termination()
"""


def test_requests_in_progress_during_a_crash_are_held_off(proxy, sockets):
    with subprocess.Popen([sys.executable, "-c", CRASHES, sockets.grpc]):
        wait_for(lambda: not_ready(proxy.url) == "")
        assert refusal(proxy) == (UNAVAILABLE, AWAY)
    with triton_at(sockets):
        wait_for(lambda: not_ready(proxy.url) == "")
        assert "crashed while it worked" in refusal(proxy)[1]
        assert proxy.stub.ModelInfer(request("b", name="input"), timeout=WAIT_S).id == "b"


SLEEPS = CRASHES.replace("os._exit(1)", "__import__('time').sleep(9)").replace(
    "ThreadPoolExecutor(4)",
    "ThreadPoolExecutor(4), options=[('grpc.max_receive_message_length', -1)]",
)


def test_a_server_killed_while_it_receives_requests_is_unavailable(proxy, sockets):
    large = [bytes(60_000_000)]
    for delay_s in (0.1, 0.2, 0.3):
        with (
            ThreadPoolExecutor(4) as threads,
            subprocess.Popen([sys.executable, "-c", SLEEPS, sockets.grpc]) as triton,
        ):
            wait_for(lambda: not_ready(proxy.url) == "")
            names = [f"{delay_s} {number}" for number in range(4)]  # kinds that are not held off
            asked = [
                threads.submit(refusal, proxy, name=name, raw_input_contents=large)
                for name in names
            ]
            time.sleep(delay_s)
            triton.kill()
            assert {each.result(WAIT_S) for each in asked} == {(UNAVAILABLE, AWAY)}


def watched(stack, proxy):
    """The answers to a new client that watches the health."""
    channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{proxy.ports.grpc}"))
    return HealthStub(channel).Watch(HealthCheckRequest(), timeout=WAIT_S)


def test_health_over_grpc_is_that_of_triton_and_of_the_drain(proxy, sockets):
    states, lock = HealthCheckResponse.ServingStatus, drain_lock(sockets)
    with ExitStack() as stack:
        seen = watched(stack, proxy)
        assert next(seen).status in (states.UNKNOWN, states.NOT_SERVING)
        with triton_at(sockets) as triton:
            while next(seen).status != states.SERVING:
                pass
            watched(stack, proxy).cancel()  # which must not end the other's
            under_way = proxy.stub.ModelInfer.future(request("WAIT 2"), timeout=WAIT_S)
            wait_for(lambda: triton.seen)
            lock.write_bytes(b"-")
            assert next(seen).status == states.NOT_SERVING
            assert not_ready(proxy.url) == "the server is stopping"
            assert refusal(proxy, "new") == (UNAVAILABLE, "the server is stopping")
            assert under_way.result().id == "WAIT 2"
            lock.write_bytes(b"")
            assert next(seen).status == states.SERVING
            assert not_ready(proxy.url) == ""
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{proxy.ports.grpc}"))
        check = HealthStub(channel).Check
        wait_for(lambda: check(HealthCheckRequest(), timeout=9).status == states.NOT_SERVING)


def test_before_a_drain_it_is_not_ready_and_passes_requests_on(proxy, triton):
    proxy.process.send_signal(NOT_READY)
    wait_for(lambda: not_ready(proxy.url) == "the server is stopping")
    assert proxy.stub.ModelInfer(request("late"), timeout=WAIT_S).id == "late"


def test_metrics_are_passed_on_and_unavailable_without_triton(proxy, sockets):
    url = f"http://127.0.0.1:{proxy.ports.metrics}/metrics"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=WAIT_S)
    with refused.value as error:
        assert (error.code, error.read().decode()) == (503, AWAY)
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as thread:
        listener.bind(str(sockets.metrics))
        listener.listen()
        asked = thread.submit(lambda: urllib.request.urlopen(url, timeout=WAIT_S).read())
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(65536).startswith(b"GET /metrics HTTP/1.1\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnv_x ")
        assert asked.result(WAIT_S) == b"nv_x "


def test_the_proxy_exits_with_its_parent(proxy):
    proxy.process.stdin.close()
    proxy.process.stdin = None
    assert proxy.process.wait(WAIT_S) == 0


def test_a_port_that_cannot_be_bound_is_reported(proxy, sockets, capfd):
    other = start_proxy(proxy_flags([], vars(proxy.ports), sockets, drain_lock(sockets), "run"))
    assert other.wait(WAIT_S) == 1
    other.communicate()
    error = capfd.readouterr().err
    assert error == f"proxy: cannot listen for gRPC at 127.0.0.1:{proxy.ports.grpc}\n"


def test_the_proxy_stops_at_once_during_a_request(proxy, triton):
    call = proxy.stub.ModelInfer.future(request("WAIT 1"))
    wait_for(lambda: triton.seen)
    os.kill(proxy.process.pid, signal.SIGTERM)
    assert proxy.process.wait(WAIT_S) == 0
    assert not alive([proxy.process.pid])
    assert call.code() is UNAVAILABLE
