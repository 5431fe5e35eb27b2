"""The fake stub and server are strict: contract violations raise an error."""

import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2 as pb

from integration import model_loading
from integration.fake_pb_utils import FakeServer, ModelConfig, Request, stub_module
from integration.model_contract import ContractViolationError, config_dict
from integration.model_loading import STUB, execute, import_file

CONFIG = pb.ModelConfig(name="net", backend="python")
CONFIG.input.add(name="x", data_type=pb.TYPE_FP32, dims=[-1, 2])
CONFIG.output.add(name="y", data_type=pb.TYPE_FP32, dims=[-1])
CONFIG.output.add(name="text", data_type=pb.TYPE_STRING, dims=[1])
PAIRS = np.zeros((3, 2), np.float32)


@pytest.fixture
def server():
    """A server with one model: y is the sum of each row of x."""
    server = FakeServer()
    server.add(CONFIG, lambda inputs: {"y": inputs["x"].sum(axis=1)})
    return server


@pytest.fixture
def pb_utils(server):
    return stub_module(server, Path("models/net/1"))


class Careless:
    """A model that answers with a tensor, and hides all errors."""

    def __init__(self, pb_utils, name, values, reads="x"):
        self.pb_utils, self.name, self.values, self.reads = pb_utils, name, values, reads

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        try:
            self.pb_utils.get_input_tensor_by_name(request, self.reads)
            tensor = self.pb_utils.Tensor(self.name, self.values)
            return self.pb_utils.InferenceResponse([tensor])
        except Exception:
            return self.pb_utils.InferenceResponse([], self.pb_utils.TritonError("hidden"))


def test_a_declared_output_passes(pb_utils):
    model = Careless(pb_utils, "y", np.zeros(3, np.float32))
    (outputs,) = execute(model, [Request(CONFIG, {"x": PAIRS})])
    assert set(outputs) == {"y"}


@pytest.mark.parametrize(
    ("name", "values", "reads"),
    [
        ("z", np.zeros(3, np.float32), "x"),
        ("y", np.zeros(3, np.float64), "x"),
        ("y", np.zeros((3, 1), np.float32), "x"),
        ("y", np.zeros(3, np.complex64), "x"),
        ("text", np.array([b"a", b"b"], np.object_), "x"),
        ("text", np.array(["ä"], np.object_), "x"),
        ("y", np.zeros(3, np.float32), "w"),
    ],
    ids=["name", "type", "rank", "no type of Triton", "size", "no bytes", "undeclared input"],
)
def test_a_contract_violation_by_a_model_is_detected(pb_utils, name, values, reads):
    model = Careless(pb_utils, name, values, reads)
    with pytest.raises(ContractViolationError):
        execute(model, [Request(CONFIG, {"x": PAIRS})])


def test_a_missing_response_is_detected(pb_utils, monkeypatch):
    monkeypatch.setattr(model_loading, "SENT_WITHIN_S", 0.01)
    model = Careless(pb_utils, "y", np.zeros(3, np.float32))
    model.respond = lambda _request: None
    with pytest.raises(TypeError):
        execute(model, [Request(CONFIG, {"x": PAIRS})])
    model.execute = lambda _requests: []
    with pytest.raises(ContractViolationError, match="0 of 1 responses"):
        execute(model, [Request(CONFIG, {"x": PAIRS})])


def call(pb_utils, values=PAIRS, **changes):
    """A valid call to `net` with these changes."""
    memory = pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0)
    sound = {
        "model_name": "net",
        "inputs": [pb_utils.Tensor("x", values)],
        "requested_output_names": ["y"],
        "preferred_memory": memory,
        "timeout": 1_000_000,
    }
    return pb_utils.InferenceRequest(**{**sound, **changes}).exec()


def test_a_valid_call_is_answered_and_recorded(pb_utils, server):
    response = call(pb_utils, np.ones((3, 2), np.float32))
    tensor = pb_utils.get_output_tensor_by_name(response, "y")
    assert tensor.as_numpy().tolist() == [2, 2, 2]
    (recorded,) = server.calls_of("net")
    assert (recorded.shapes, recorded.timeout_us) == ({"x": (3, 2)}, 1_000_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_name": "nets"},
        {"requested_output_names": ["z"]},
        {"values": np.zeros((3, 3), np.float32)},
        {"values": np.zeros((3, 2), np.float64)},
        {"timeout": 0.5},
        {"preferred_memory": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_call_that_the_server_would_refuse_is_detected(pb_utils, changes):
    with pytest.raises(ContractViolationError):
        call(pb_utils, **changes)


def test_an_output_that_was_not_requested_is_missing(pb_utils):
    response = call(pb_utils)
    with pytest.raises(ContractViolationError, match="no output 'text'"):
        pb_utils.get_output_tensor_by_name(response, "text")


@pytest.fixture(scope="module")
def real_utilities():
    """The part of the real module that is Python; its classes exist in the server only."""
    (package,) = importlib.util.find_spec("pytriton").submodule_search_locations
    return import_file(Path(package) / "tritonserver" / "backends" / "python" / f"{STUB}.py")


@pytest.mark.parametrize("name", ["get_input_tensor_by_name", "get_output_tensor_by_name"])
def test_functions_have_the_real_signatures(pb_utils, real_utilities, name):
    fake, real = (inspect.signature(getattr(each, name)) for each in (pb_utils, real_utilities))
    assert list(fake.parameters) == list(real.parameters)


def test_auto_completion_has_the_real_effect(real_utilities):
    config = config_dict(CONFIG)
    fake, real = ModelConfig(config), real_utilities.ModelConfig(json.dumps(config))
    for each in (fake, real):
        each.add_input({"name": "w", "data_type": "TYPE_FP32", "dims": [-1]})
        each.add_output({"name": "z", "data_type": "TYPE_INT64", "dims": [2, 3]})
    assert fake.as_dict() == real.as_dict()
