"""What the proxy refuses, and how long it holds a client off after crashes."""

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb

from server.proxy_rules import Backoff, RefusedError, kind_of, parse, require_allowed

A, B = ("ipv4:10.0.0.1", "input"), ("ipv4:10.0.0.2", "AUDIO")


def request(shape=(1, 16_000), **fields):
    tensor = pb.ModelInferRequest.InferInputTensor(name="input", datatype="FP32", shape=shape)
    return pb.ModelInferRequest(**{"model_name": "run", "inputs": [tensor], **fields})


def parameters(**values):
    return {name: pb.InferParameter(string_param=value) for name, value in values.items()}


def refusal(asked, models=("run",)):
    with pytest.raises(RefusedError) as refused:
        require_allowed(asked, models)
    return refused.value


@pytest.mark.parametrize("shape", [(), (0, 5), (1, 16_000), (64, 2**25), (2**31, 1)])
def test_shapes_that_are_possible_pass(shape):
    require_allowed(request(shape), ["run"])


@pytest.mark.parametrize(
    "shape",
    [
        (-2, -2),
        (1, -1),
        (1, 2**62),  # times 4 bytes it is 0 again
        (1, 2**62 + 4),
        (0, 2**62),
        (2**32, 2**32),
        (1, 2**31 + 1),
    ],
)
def test_shapes_that_triton_takes_for_other_sizes_are_refused(shape):
    error = refusal(request(shape))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"input: got shape {list(shape)}, expected sizes from 0 on and at most" in str(error)


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": parameters(recording_id="a\0b")},
        {"parameters": parameters(**{"num_speakers\0x": "1"})},
        {"id": "\0"},
        {"outputs": [pb.ModelInferRequest.InferRequestedOutputTensor(name="RTTM\0")]},
        {"inputs": [pb.ModelInferRequest.InferInputTensor(name="input\0", shape=[1])]},
    ],
)
def test_texts_with_nul_are_refused_and_shown_escaped(fields):
    error = refusal(request(**fields))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "\\x00" in str(error)
    assert "\0" not in str(error)


def test_models_that_clients_may_not_call_are_refused_by_name():
    error = refusal(request(model_name="sad"), ["run", "stream"])
    assert error.code is grpc.StatusCode.PERMISSION_DENIED
    assert str(error) == "model: got 'sad', expected one that clients may call: run, stream"
    require_allowed(request(model_name="sad"), ["sad"])
    require_allowed(request(model_name="any"), ["*"])


def test_a_malformed_request_is_refused():
    assert parse(request().SerializeToString()) == request()
    with pytest.raises(RefusedError, match="expected a ModelInferRequest"):
        parse(b"\xff" * 9)


def test_kinds_differ_by_address_and_inputs_but_not_by_port():
    assert kind_of("ipv4:10.0.0.1:4711", request()) == A
    assert kind_of("ipv6:[::1]:4711", pb.ModelInferRequest()) == ("ipv6:[::1]",)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def crash(backoff, clock, *kinds, after_s=400.0):
    clock.now += after_s
    for kind in kinds:
        backoff.crashed(kind)


def test_every_crash_doubles_the_time_for_its_kind_alone(clock):
    backoff = Backoff(clock)
    held = []
    for _ in range(9):
        crash(backoff, clock, A)
        held.append(backoff.wait_s(A))
    assert held == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert backoff.wait_s(B) == 0
    clock.now += 299
    assert backoff.wait_s(A) == 1
    clock.now += 1
    assert backoff.wait_s(A) == 0


def test_requests_that_one_crash_stopped_count_once(clock):
    backoff = Backoff(clock)
    crash(backoff, clock, A, A, B, A)
    assert (backoff.wait_s(A), backoff.wait_s(B)) == (2, 2)


def test_an_answer_cancels_one_crash(clock):
    backoff = Backoff(clock)
    for _ in range(3):
        crash(backoff, clock, A, B)
    backoff.answered(B)
    crash(backoff, clock, A, B)
    assert (backoff.wait_s(A), backoff.wait_s(B)) == (16, 8)
    for _ in range(5):
        backoff.answered(B)
    assert backoff.wait_s(B) == 0


def test_remembered_kinds_are_limited_and_expire(clock, monkeypatch):
    monkeypatch.setattr(Backoff, "MAX_KINDS", 2)
    backoff = Backoff(clock)
    kinds = [(f"ipv4:10.0.0.{n}", "input") for n in range(3)]
    for kind in kinds:
        crash(backoff, clock, kind, after_s=0.0)
    assert [backoff.wait_s(kind) for kind in kinds] == [0, 2, 2]
    crash(backoff, clock, B, after_s=Backoff.FORGOTTEN_S + 1)
    crash(backoff, clock, kinds[1], after_s=2.0)
    assert backoff.wait_s(kinds[1]) == 2  # as the first time
