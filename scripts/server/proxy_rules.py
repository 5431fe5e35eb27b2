"""Which requests the proxy refuses, and how long it refuses a client's after a crash.

Triton 24.10 multiplies the sizes of a tensor without a check for negative ones or for overflow, and
its Python stub aborts on the resulting shape. It cuts strings at a NUL byte. A request for an inner
model may be of any size. A model cannot check any of this, so the proxy does.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

import grpc
from tritonclient.grpc import service_pb2 as pb

MAX_ELEMENTS = 2**31  # of a tensor; the largest gRPC message holds a quarter as many floats
EVERY_MODEL = "*"

Kind = tuple[str, ...]
"""Requests that are refused together: address of a client, and names of the inputs it sends."""


class RefusedError(Exception):
    """A request is refused with the gRPC status `code`; the text is for the client."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def parse(message: bytes) -> pb.ModelInferRequest:
    """Parse an inference request; RefusedError if it is malformed."""
    try:
        return pb.ModelInferRequest.FromString(message)
    except Exception as error:  # protobuf's DecodeError, which mypy does not see
        raise RefusedError(
            grpc.StatusCode.INVALID_ARGUMENT, "expected a ModelInferRequest, got other bytes"
        ) from error


def require_allowed(request: pb.ModelInferRequest, models: Collection[str]) -> None:
    """Check what Triton does not.

    Parameters
    ----------
    request
        As a client sent it.
    models
        Names of the models that clients may call; `*` is all.

    Raises
    ------
    RefusedError
        If it calls another model, a size is negative, a tensor is too large, or a text has a NUL.
    """
    if request.model_name not in models and EVERY_MODEL not in models:
        raise RefusedError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"model: got '{request.model_name}', expected one that clients may call: "
            f"{', '.join(models)}",
        )
    for tensor in request.inputs:
        _require_shape(tensor.name, tensor.shape)
    for text in _texts(request):
        if "\0" in text:
            raise RefusedError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"got {text!r} as a name or parameter, expected no NUL character",
            )


def _require_shape(name: str, shape: Collection[int]) -> None:
    if min(shape, default=0) < 0 or math.prod(size or 1 for size in shape) > MAX_ELEMENTS:
        raise RefusedError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"{name}: got shape {list(shape)}, expected sizes from 0 on and at most "
            f"{MAX_ELEMENTS} elements",
        )


def _texts(request: pb.ModelInferRequest) -> list[str]:
    parameters = request.parameters.items()
    return [
        request.id,
        *(name for name, _ in parameters),
        *(value.string_param for _, value in parameters),
        *(tensor.name for tensor in (*request.inputs, *request.outputs)),
    ]


def kind_of(peer: str, request: pb.ModelInferRequest) -> Kind:
    """The kind of a request; `peer` is its client's address as gRPC writes it, with a port."""
    return (peer.rpartition(":")[0], *sorted(tensor.name for tensor in request.inputs))


class Backoff:
    """How long each kind of request is refused because the server crashed while it worked on it.

    After a crash a kind is refused for two seconds, after every further one twice as long. Each
    answer takes one crash back, for clients whose requests were under way by chance.

    Parameters
    ----------
    clock
        A monotonic clock in seconds.
    """

    FIRST_S = 2.0
    MAX_S = 300.0
    SAME_CRASH_S = 1.0  # requests that fail within this time fail by one crash
    FORGOTTEN_S = 3600.0
    MAX_KINDS = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: OrderedDict[Kind, tuple[int, float]] = OrderedDict()  # number, the last one

    def wait_s(self, kind: Kind) -> float:
        """Seconds until such a request is accepted; 0 if it is now."""
        n_crashes, last_s = self._crashes.get(kind, (0, 0.0))
        held_s = min(self.FIRST_S * 2.0 ** min(n_crashes - 1, 30), self.MAX_S)
        return max(0.0, last_s + held_s - self._clock()) if n_crashes else 0.0

    def crashed(self, kind: Kind) -> int:
        """Note that the server crashed while it worked on such a request; return crashes so far."""
        now_s = self._clock()
        n_crashes, last_s = self._crashes.pop(kind, (0, -math.inf))
        if now_s - last_s > self.SAME_CRASH_S:
            n_crashes, last_s = n_crashes + 1, now_s
        self._crashes[kind] = (n_crashes, last_s)
        oldest, (_, oldest_s) = next(iter(self._crashes.items()))
        if len(self._crashes) > self.MAX_KINDS or now_s - oldest_s > self.FORGOTTEN_S:
            del self._crashes[oldest]
        return n_crashes

    def answered(self, kind: Kind) -> None:
        """Note that such a request was answered."""
        n_crashes, last_s = self._crashes.get(kind, (0, 0.0))
        if n_crashes > 1:
            self._crashes[kind] = (n_crashes - 1, last_s)
        else:
            self._crashes.pop(kind, None)
