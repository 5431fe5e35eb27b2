"""Requests as any client may send them, invalid ones too, and what comes back.

They are built as gRPC messages, since Triton's own client library refuses to build some of them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2, service_pb2_grpc

from sending.service import MAX_MESSAGE_BYTES

MODEL = "run"
OK, REFUSED, CANCELLED, UNAVAILABLE = "OK", "INVALID_ARGUMENT", "CANCELLED", "UNAVAILABLE"
UNREADABLE = "UNREADABLE"  # an answer that is not one RTTM
DEFAULT_ID = "recording"
TIMEOUT_S = 240.0
READY_TIMEOUT_S = 20.0
LENGTH_BYTES = 4  # before every string of a tensor
_CHOICE = {str: "string_param", bool: "bool_param", int: "int64_param", float: "double_param"}

Parameter = str | bool | int | float


class SoakError(RuntimeError):
    """Nothing can be tested; the message is one sentence."""


@dataclass(frozen=True)
class Tensor:
    """An input as it is sent; its parts may contradict each other."""

    name: str
    datatype: str
    shape: Sequence[int]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """Everything that a client chooses."""

    tensors: Sequence[Tensor]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    model: str = MODEL

    @property
    def recording_id(self) -> str:
        """The id that the RTTM has to carry."""
        return str(self.parameters.get("recording_id", DEFAULT_ID))

    def message(self) -> Any:  # noqa: ANN401 - a generated class
        """Build the gRPC message."""
        message = service_pb2.ModelInferRequest(model_name=self.model)
        for tensor in self.tensors:
            message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            message.raw_input_contents.append(tensor.content)
        for name, value in self.parameters.items():
            setattr(message.parameters[name], _CHOICE[type(value)], value)
        message.outputs.add(name="RTTM")
        return message


@dataclass(frozen=True)
class Outcome:
    """What came back for a request."""

    recording_id: str  # of the request
    status: str  # name of gRPC's status code
    text: str  # RTTM, or the error's text
    latency_s: float  # from sending until the outcome


OnOutcome = Callable[[Outcome], None]


def files_tensor(*files: bytes) -> Tensor:
    """The input AUDIO; `run` takes one file."""
    content = b"".join(len(file).to_bytes(LENGTH_BYTES, "little") + file for file in files)
    return Tensor("AUDIO", "BYTES", [len(files)], content)


def samples_tensor(samples: NDArray[Any]) -> Tensor:
    """The input `input`, from an array of floats of any shape."""
    return Tensor("input", "FP32", samples.shape, np.ascontiguousarray(samples).tobytes())


def file_request(file: bytes, **parameters: Parameter) -> Request:
    """A request with the bytes of an audio file."""
    return Request([files_tensor(file)], parameters)


class Client:
    """A client with a connection of its own to the server at `url`."""

    def __init__(self, url: str) -> None:
        self._channel = grpc.insecure_channel(
            url,
            options=[
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),  # else all channels share one connection
            ],
        )
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def start(self, request: Request, on_outcome: OnOutcome) -> Any:  # noqa: ANN401 - a grpc.Future
        """Send without waiting; return the call, which can be cancelled.

        `on_outcome` is called in a thread of gRPC's.
        """
        message = request.message()
        started_s = time.monotonic()

        def finish(call: Any) -> None:  # noqa: ANN401
            latency_s = time.monotonic() - started_s
            on_outcome(Outcome(request.recording_id, *_status_and_text(call), latency_s))

        call = self._stub.ModelInfer.future(message, timeout=TIMEOUT_S)
        call.add_done_callback(finish)
        return call

    def infer_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Send all requests at the same time; return outcomes in their order."""
        arrived: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
        for number, request in enumerate(requests):
            self.start(request, lambda outcome, number=number: arrived.put((number, outcome)))  # type: ignore[misc]
        outcomes = dict(arrived.get() for _ in requests)
        return [outcomes[number] for number in range(len(requests))]

    def infer(self, request: Request) -> Outcome:
        """Send one request and wait."""
        return self.infer_all([request])[0]

    def is_ready(self) -> bool:
        """Whether the server says that `run` is ready."""
        question = service_pb2.ModelReadyRequest(name=MODEL)
        try:
            return bool(self._stub.ModelReady(question, timeout=READY_TIMEOUT_S).ready)
        except grpc.RpcError:
            return False


def _status_and_text(done: Any) -> tuple[str, str]:  # noqa: ANN401
    if done.cancelled():
        return CANCELLED, "cancelled by the client"
    if error := done.exception():
        return error.code().name, " ".join(str(error.details()).split())
    response = done.result()
    names = [output.name for output in response.outputs]
    if names != ["RTTM"] or len(response.raw_output_contents) != 1:
        return UNREADABLE, f"got {names}, expected RTTM"
    try:
        return OK, bytes(response.raw_output_contents[0][LENGTH_BYTES:]).decode()
    except UnicodeDecodeError as error:
        return UNREADABLE, str(error)
