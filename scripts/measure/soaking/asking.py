"""Requests as any client may send them, wrong ones too, and what comes back.

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
OK, REFUSED, CANCELLED = "OK", "INVALID_ARGUMENT", "CANCELLED"
DEFAULT_ID = "recording"
TIMEOUT_S = 240.0
READY_TIMEOUT_S = 20.0
_LENGTH_BYTES = 4  # before every string of a tensor
_CHOICE = {str: "string_param", bool: "bool_param", int: "int64_param", float: "double_param"}

Parameters = Mapping[str, str | bool | int | float]


@dataclass(frozen=True)
class Tensor:
    """An input as it is sent; nothing keeps its parts from contradicting each other."""

    name: str
    datatype: str
    shape: Sequence[int]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """Everything that a client chooses."""

    tensors: Sequence[Tensor]
    parameters: Parameters = field(default_factory=dict)
    model: str = MODEL

    @property
    def recording_id(self) -> str:
        """What an RTTM file has to name."""
        return str(self.parameters.get("recording_id", DEFAULT_ID))

    def message(self) -> Any:  # noqa: ANN401 - a generated class
        """The gRPC message."""
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
    """What came of a request.

    Parameters
    ----------
    recording_id : str
        Of the request.
    status : str
        Name of gRPC's status code.
    text : str
        RTTM, or the error's text.
    latency_s : float
        From sending until now.
    """

    recording_id: str
    status: str
    text: str
    latency_s: float


Deliver = Callable[[Outcome], None]


def files_tensor(*files: bytes) -> Tensor:
    """The input AUDIO; `run` takes one file."""
    content = b"".join(len(file).to_bytes(_LENGTH_BYTES, "little") + file for file in files)
    return Tensor("AUDIO", "BYTES", [len(files)], content)


def samples_tensor(samples: NDArray[Any], datatype: str = "FP32") -> Tensor:
    """The input `input`, from an array of whatever type and shape."""
    return Tensor("input", datatype, samples.shape, np.ascontiguousarray(samples).tobytes())


def audio_request(file: bytes, **parameters: str | bool | int | float) -> Request:
    """A request with the bytes of a file."""
    return Request([files_tensor(file)], parameters)


class Asker:
    """One client: a connection of its own to the server at `url`."""

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

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def send(self, request: Request, deliver: Deliver) -> Any:  # noqa: ANN401 - a grpc.Future
        """Send without waiting; `deliver` gets the outcome in a thread of gRPC's.

        The call that is returned can be cancelled.
        """
        message = request.message()
        started_s = time.monotonic()
        call = self._stub.ModelInfer.future(message, timeout=TIMEOUT_S)
        call.add_done_callback(
            lambda done: deliver(_outcome(done, request.recording_id, time.monotonic() - started_s))
        )
        return call

    def together(self, requests: Sequence[Request]) -> list[Outcome]:
        """Send all at the same time; outcomes in the order of the requests."""
        arrived: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
        for number, request in enumerate(requests):
            self.send(request, lambda outcome, number=number: arrived.put((number, outcome)))  # type: ignore[misc]
        found = dict(arrived.get() for _ in requests)
        return [found[number] for number in range(len(requests))]

    def ask(self, request: Request) -> Outcome:
        """Send one and wait."""
        (outcome,) = self.together([request])
        return outcome

    def ready(self) -> bool:
        """Whether the server says that `run` can be asked."""
        question = service_pb2.ModelReadyRequest(name=MODEL)
        try:
            return bool(self._stub.ModelReady(question, timeout=READY_TIMEOUT_S).ready)
        except grpc.RpcError:
            return False


def _outcome(done: Any, recording_id: str, latency_s: float) -> Outcome:  # noqa: ANN401
    if done.cancelled():
        return Outcome(recording_id, CANCELLED, "cancelled by the client", latency_s)
    error = done.exception()
    if error is not None:
        text = " ".join(str(error.details()).split())
        return Outcome(recording_id, error.code().name, text, latency_s)
    try:
        return Outcome(recording_id, OK, _rttm(done.result()), latency_s)
    except ValueError as unreadable:
        return Outcome(recording_id, "UNREADABLE", str(unreadable), latency_s)


def _rttm(response: Any) -> str:  # noqa: ANN401
    names = [output.name for output in response.outputs]
    if names != ["RTTM"] or len(response.raw_output_contents) != 1:
        raise ValueError(f"got outputs {names}, expected RTTM")
    return bytes(response.raw_output_contents[0][_LENGTH_BYTES:]).decode()
