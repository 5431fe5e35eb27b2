"""What the proxy lets through to Triton, and for how long it holds a client off after a crash.

Triton 24.10 multiplies the sizes of a tensor without a check for negative ones or for overflow, and
its Python stub aborts on the shape that comes out. It cuts strings at a NUL byte. A request for an
inner model may be of any size. None of this can be mended in a model, so it is refused before.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

import grpc
from tritonclient.grpc import service_pb2 as pb

MOST_ELEMENTS = 2**31  # of a tensor; the largest gRPC message holds a quarter of so many floats
EVERY_MODEL = "*"

Kind = tuple[str, ...]
"""What is held off together: the address of a client, and the names of the inputs it sends."""


class RefusedError(Exception):
    """A request that Triton does not get; `code` is its gRPC status, the text is for the client."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def parsed(message: bytes) -> pb.ModelInferRequest:
    """The inference request; RefusedError if it is none."""
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
        Names of the models that clients may call; `*` stands for all.

    Raises
    ------
    RefusedError
        If it calls another model, a size is negative or a tensor too large, or a text holds NUL.
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
    if min(shape, default=0) < 0 or math.prod(size or 1 for size in shape) > MOST_ELEMENTS:
        raise RefusedError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"{name}: got shape {list(shape)}, expected sizes from 0 on and at most "
            f"{MOST_ELEMENTS} elements",
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
    """How long each kind of request is held off because the server crashed while it worked on it.

    A crash holds a kind off for two seconds, every further one for twice as long. An answer takes
    one crash back: a client whose requests were under way by chance is soon where it was.

    Parameters
    ----------
    clock
        Seconds that only go forward.
    """

    FIRST_S = 2.0
    MOST_S = 300.0
    SAME_CRASH_S = 1.0  # requests that fail within this time were stopped by one crash
    FORGOTTEN_S = 3600.0
    MOST_KINDS = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: OrderedDict[Kind, tuple[int, float]] = OrderedDict()  # number, the last one

    def wait_s(self, kind: Kind) -> float:
        """Seconds until such a request is let through; 0 for now."""
        n_crashes, last_s = self._crashes.get(kind, (0, 0.0))
        held_s = min(self.FIRST_S * 2.0 ** min(n_crashes - 1, 30), self.MOST_S)
        return max(0.0, last_s + held_s - self._clock()) if n_crashes else 0.0

    def crashed(self, kind: Kind) -> int:
        """Note that the server crashed while it worked on such a request; crashes so far."""
        now_s = self._clock()
        n_crashes, last_s = self._crashes.pop(kind, (0, -math.inf))
        if now_s - last_s > self.SAME_CRASH_S:
            n_crashes, last_s = n_crashes + 1, now_s
        self._crashes[kind] = (n_crashes, last_s)
        oldest, (_, oldest_s) = next(iter(self._crashes.items()))
        if len(self._crashes) > self.MOST_KINDS or now_s - oldest_s > self.FORGOTTEN_S:
            del self._crashes[oldest]
        return n_crashes

    def answered(self, kind: Kind) -> None:
        """Note that such a request was answered."""
        n_crashes, last_s = self._crashes.get(kind, (0, 0.0))
        if n_crashes > 1:
            self._crashes[kind] = (n_crashes - 1, last_s)
        else:
            self._crashes.pop(kind, None)
