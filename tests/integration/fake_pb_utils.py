"""A strict stand-in for `triton_python_backend_utils`, the module Triton gives to Python models.

Signatures and behaviour are those of the stub of release 24.10; only what the models here use is
there. Where the real server would refuse, ContractViolationError is raised.
"""

from __future__ import annotations

import copy
import enum
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2 as pb

from integration.fake_metrics import Registry, family_type
from integration.model_contract import NUMPY_TYPES, Arrays, check_arrays, require

FakeModel = Callable[[Arrays], Arrays]


class ModelFailureError(Exception):
    """Raised by a fake model: its caller gets an error response with this text."""


class TritonModelException(Exception):  # noqa: N818 - the real name
    """What a model raises to say why it does not load."""


class Tensor:
    """A named array; strings are object arrays of bytes."""

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        require(isinstance(name, str) and isinstance(array, np.ndarray), f"Tensor({name}, {array})")
        require(array.dtype.type in NUMPY_TYPES.values(), f"tensor {name}: dtype {array.dtype}")
        if array.dtype == np.object_:
            require(all(isinstance(item, bytes) for item in array.flat), f"tensor {name}: no bytes")
        self._name, self._array = name, np.array(array, order="C")

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        return self._array


def arrays_of(tensors: list[Tensor]) -> Arrays:
    """Arrays by name; no two tensors may have the same."""
    arrays = {tensor.name(): tensor.as_numpy() for tensor in tensors}
    require(len(arrays) == len(tensors), f"a tensor is there twice: {[t.name() for t in tensors]}")
    return arrays


ErrorCode = enum.Enum(
    "ErrorCode",
    "UNKNOWN INTERNAL NOT_FOUND INVALID_ARG UNAVAILABLE UNSUPPORTED ALREADY_EXISTS CANCELLED",
)
MemoryType = enum.Enum("MemoryType", "CPU GPU")


class TritonError:
    """The error of one request."""

    UNKNOWN = ErrorCode.UNKNOWN
    INTERNAL = ErrorCode.INTERNAL
    NOT_FOUND = ErrorCode.NOT_FOUND
    INVALID_ARG = ErrorCode.INVALID_ARG
    UNAVAILABLE = ErrorCode.UNAVAILABLE
    UNSUPPORTED = ErrorCode.UNSUPPORTED
    ALREADY_EXISTS = ErrorCode.ALREADY_EXISTS
    CANCELLED = ErrorCode.CANCELLED

    def __init__(self, message: str, code: ErrorCode = ErrorCode.INTERNAL) -> None:
        require(isinstance(message, str) and isinstance(code, ErrorCode), f"{message!r}, {code!r}")
        self._message, self._code = message, code

    def message(self) -> str:
        return self._message

    def code(self) -> ErrorCode:
        return self._code


class InferenceResponse:
    """Output tensors, or an error."""

    def __init__(
        self, output_tensors: list[Tensor] | None = None, error: TritonError | None = None
    ) -> None:
        tensors = [] if output_tensors is None else output_tensors
        require(all(isinstance(each, Tensor) for each in tensors), f"outputs {tensors}")
        require(error is None or isinstance(error, TritonError), f"error {error!r}")
        self._tensors, self._error = tensors, error

    def output_tensors(self) -> list[Tensor]:
        return self._tensors

    def has_error(self) -> bool:
        return self._error is not None

    def error(self) -> TritonError | None:
        return self._error


@dataclass(frozen=True)
class PreferredMemory:
    """Where the outputs of a call are wanted."""

    preferred_memory_type: MemoryType
    preferred_device_id: int = 0


class Logger:
    """Keeps what was logged, by level."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.infos: list[str] = []

    def log_info(self, message: str) -> None:
        self.infos.append(message)

    def log_error(self, message: str) -> None:
        self.errors.append(message)

    def log_warn(self, message: str) -> None:
        self.warnings.append(message)


class Request:
    """A client's request, as `execute` gets it.

    Parameters
    ----------
    config
        Of the model it goes to; inputs and outputs must be declared there.
    inputs
        Name -> array.
    parameters, outputs, is_cancelled
        Request parameters; outputs asked for, by default all; whether the client has gone.
    dims_checked
        False lets through shapes that the real server stops.
    """

    def __init__(
        self,
        config: pb.ModelConfig,
        inputs: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, object] | None = None,
        outputs: Iterable[str] | None = None,
        *,
        is_cancelled: Callable[[], bool] = lambda: False,
        dims_checked: bool = True,
    ) -> None:
        self.config = config
        self._inputs = [Tensor(name, array) for name, array in inputs.items()]
        check_arrays(config, config.input, inputs, dims_checked=dims_checked)
        declared = {tensor.name for tensor in config.output}
        self._outputs = set(declared if outputs is None else outputs)
        require(self._outputs <= declared, f"{config.name} has no outputs {self._outputs}")
        self._parameters = json.dumps(parameters) if parameters else ""
        self.is_cancelled = is_cancelled
        self.sent: SimpleQueue[InferenceResponse] = SimpleQueue()

    def get_response_sender(self) -> ResponseSender:
        return ResponseSender(self)

    def inputs(self) -> list[Tensor]:
        return self._inputs

    def requested_output_names(self) -> set[str]:
        return self._outputs

    def parameters(self) -> str:
        return self._parameters


FINAL_FLAG = 1


@dataclass(frozen=True)
class ResponseSender:
    """Sends the one response of a request for which `execute` returned None."""

    request: Request

    def send(self, response: InferenceResponse, flags: int) -> None:
        require(isinstance(response, InferenceResponse), f"sent {response!r}")
        require(flags == FINAL_FLAG, f"flags {flags}")
        self.request.sent.put(response)


@dataclass(frozen=True)
class Call:
    """One call of a model to another."""

    model: str
    shapes: dict[str, tuple[int, ...]]
    timeout_us: int


@dataclass
class FakeServer:
    """The other models of the server: their configurations, and functions in their place."""

    configs: dict[str, pb.ModelConfig] = field(default_factory=dict)
    models: dict[str, FakeModel] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    logger: Logger = field(default_factory=Logger)
    metrics: Registry = field(default_factory=Registry)

    def add(self, config: pb.ModelConfig, model: FakeModel) -> None:
        """Serve `model` under the name in `config`."""
        self.configs[config.name], self.models[config.name] = config, model

    def calls_of(self, model: str) -> list[Call]:
        """Calls so far of one model, in the order in which they came."""
        return [call for call in self.calls if call.model == model]


class InferenceRequest:
    """A call to another model of the server (BLS)."""

    def __init__(
        self,
        server: FakeServer,
        *,
        inputs: list[Tensor],
        requested_output_names: list[str],
        model_name: str,
        timeout: int = 0,
        preferred_memory: PreferredMemory | None = None,
    ) -> None:
        require(model_name in server.models, f"model '{model_name}' is not ready")
        require(isinstance(timeout, int) and timeout >= 0, f"timeout {timeout!r}: no microseconds")
        require(
            preferred_memory == PreferredMemory(MemoryType.CPU), "outputs may come as GPU tensors"
        )
        self._server, self._timeout, self._inputs = server, timeout, inputs
        self._config = server.configs[model_name]
        declared = {tensor.name for tensor in self._config.output}
        require(set(requested_output_names) <= declared, f"outputs {requested_output_names}")
        self._outputs = requested_output_names
        check_arrays(self._config, self._config.input, arrays_of(inputs))

    def exec(self) -> InferenceResponse:
        arrays = arrays_of(self._inputs)
        shapes = {name: array.shape for name, array in arrays.items()}
        self._server.calls.append(Call(self._config.name, shapes, self._timeout))
        try:
            outputs = self._server.models[self._config.name](arrays)
        except ModelFailureError as failure:
            return InferenceResponse([], TritonError(str(failure)))
        tensors = [Tensor(name, array) for name, array in outputs.items()]
        check_arrays(self._config, self._config.output, outputs)
        return InferenceResponse([each for each in tensors if each.name() in self._outputs])


def get_input_tensor_by_name(inference_request: Request, name: str) -> Tensor | None:
    """The input of that name, or None where an optional one was not sent."""
    declared = {tensor.name for tensor in inference_request.config.input}
    require(name in declared, f"{inference_request.config.name} declares no input '{name}'")
    return next((each for each in inference_request.inputs() if each.name() == name), None)


def get_output_tensor_by_name(inference_response: InferenceResponse, name: str) -> Tensor:
    """The output of that name; it must have been asked for."""
    found = [each for each in inference_response.output_tensors() if each.name() == name]
    require(len(found) == 1, f"no output '{name}' in the response")
    return found[0]


class ModelConfig:
    """The configuration that `auto_complete_config` may add to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = copy.deepcopy(config)

    def as_dict(self) -> dict[str, Any]:
        return self._config

    def add_input(self, tensor: dict[str, Any]) -> None:
        self._add("input", tensor)

    def add_output(self, tensor: dict[str, Any]) -> None:
        self._add("output", tensor)

    def _add(self, kind: str, tensor: dict[str, Any]) -> None:
        require(set(tensor) == {"name", "data_type", "dims"}, f"{kind} {tensor}")
        known = {each["name"] for each in self._config[kind]}
        require(tensor["name"] not in known, f"{kind} '{tensor['name']}' is configured already")
        self._config[kind].append(tensor)


def stub_module(server: FakeServer, model_dir: Path) -> ModuleType:
    """The module `triton_python_backend_utils` as the model in `model_dir` sees it."""
    module = ModuleType("triton_python_backend_utils")
    contents: dict[str, object] = {
        "InferenceRequest": partial(InferenceRequest, server),
        "InferenceResponse": InferenceResponse,
        "Logger": server.logger,
        "MetricFamily": family_type(server.metrics),
        "ModelConfig": ModelConfig,
        "PreferredMemory": PreferredMemory,
        "TRITONSERVER_RESPONSE_COMPLETE_FINAL": FINAL_FLAG,
        "TRITONSERVER_MEMORY_CPU": MemoryType.CPU,
        "TRITONSERVER_MEMORY_GPU": MemoryType.GPU,
        "Tensor": Tensor,
        "TritonError": TritonError,
        "TritonModelException": TritonModelException,
        "get_input_tensor_by_name": get_input_tensor_by_name,
        "get_model_dir": lambda: str(model_dir),
        "get_output_tensor_by_name": get_output_tensor_by_name,
        "is_model_ready": lambda model_name: model_name in server.models,
    }
    vars(module).update(contents)
    return module
