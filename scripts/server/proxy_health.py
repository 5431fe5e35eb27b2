"""What the proxy answers by itself: health over HTTP and gRPC, and metrics.

Triton stays ready when a model hangs. So each model that has not finished a request lately gets a
tiny one, a probe. A model that is only busy answers it late, but finishes requests of clients; one
that hangs finishes nothing.
"""

import asyncio
import contextlib
import http.client
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server.drain_lock import DrainLock
from server.readiness import HANGING

AWAY = "the server is starting again; try again later"
CONNECTION_S = 10.0  # for a connection to send its request
STOPPING = "the server is stopping"
READY_WITHIN_S = 5.0
WATCH_S = 0.5  # between two looks for those who watch the health
EVERY_S = 5.0
ANSWERED_WITHIN_S = 15.0  # a call of an inner model takes less than a second
# One window or chunk of silence, of a shape that every network of the kind accepts. `stream`
# refuses a sample without a session, which is an answer too.
INPUTS: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "sad": ("samples", "FP32", (1, 512)),
    "segmentation": ("wav", "FP32", (1, 1, 160_000)),
    "speaker_model": ("feats", "FP32", (1, 98, 80)),
    "stream": ("pcm", "INT16", (1, 1)),
}
RUN = "run"
PING = "ping"  # parameter of a request of `run` without inputs and outputs
BYTES = {"FP32": 4, "INT16": 2}


def probe(model: str) -> pb.ModelInferRequest:
    """Make the tiny request for a model."""
    if model == RUN:
        return pb.ModelInferRequest(
            model_name=RUN, parameters={PING: pb.InferParameter(bool_param=True)}
        )
    name, datatype, shape = INPUTS[model]
    silence = bytes(BYTES[datatype] * math.prod(shape))
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    return pb.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[silence])


class Progress:
    """Which probes are under way, and whether their models finish anything meanwhile.

    Parameters
    ----------
    clock
        A monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent_s: dict[str, float] = {}  # model -> when its probe was sent
        self._counts: dict[str, int] = {}
        self._finished_s: dict[str, float] = {}  # model -> when it last finished a request

    def sent(self, model: str) -> None:
        """Note that a probe was sent."""
        self._sent_s[model] = self._clock()

    def answered(self, model: str) -> None:
        """Note that the probe was answered, even by an error."""
        del self._sent_s[model]

    def is_quiet(self, model: str) -> bool:
        """Whether a model has not finished anything lately, and has no probe under way."""
        lately = self._clock() - self._finished_s.get(model, -math.inf) < EVERY_S
        return not lately and model not in self._sent_s

    def finished(self, counts: Mapping[str, int]) -> None:
        """Note how many requests each model has finished so far."""
        now_s = self._clock()
        active = (model for model, count in counts.items() if count != self._counts.get(model))
        self._finished_s.update(dict.fromkeys(active, now_s))
        self._counts = dict(counts)

    def hanging(self) -> list[str]:
        """Models whose probe is overdue although they finish nothing."""
        latest_s = self._clock() - ANSWERED_WITHIN_S
        return [
            model
            for model, since_s in self._sent_s.items()
            if max(since_s, self._finished_s.get(model, since_s)) < latest_s
        ]


class Prober:
    """Probes the models of a server, over and over, and says whether it is ready.

    Parameters
    ----------
    stub
        Of the server's gRPC service, asynchronous.
    metadata
        Headers for every call.
    is_idle
        Whether no client's request is under way. Only then `run` is probed: it works on long
        recordings, and the probe would wait behind them.
    drain_lock
        By which requests are refused before the server stops.

    Attributes
    ----------
    stopping
        Whether the server is about to stop, before it refuses requests.
    """

    def __init__(
        self,
        stub: GRPCInferenceServiceStub,
        metadata: Sequence[tuple[str, str]],
        is_idle: Callable[[], bool],
        drain_lock: DrainLock,
    ) -> None:
        self._stub, self._metadata, self._is_idle = stub, metadata, is_idle
        self._drain_lock = drain_lock
        self.stopping = False
        self._progress = Progress()
        self._tasks: set[asyncio.Task[None]] = set()

    async def not_live(self) -> str:
        """Which models hang; "" if none does. A server that starts again is live."""
        hanging = self._progress.hanging()
        return f"{HANGING}{', '.join(hanging)}" if hanging else ""

    async def not_ready(self) -> str:
        """Why the server is not ready; "" if it is."""
        if reason := await self.not_live():
            return reason
        if self.stopping or self._drain_lock.refuses():
            return STOPPING
        try:
            answer = await self._stub.ServerReady(
                pb.ServerReadyRequest(), metadata=self._metadata, timeout=READY_WITHIN_S
            )
        except grpc.RpcError:
            return AWAY
        return "" if answer.ready else "models are loading"

    async def run(self) -> None:
        """Probe until cancelled; a model that has just finished a request needs no probe."""
        while True:
            with contextlib.suppress(grpc.RpcError):
                self._progress.finished(await self._counts())
            models = [*INPUTS, RUN] if self._is_idle() else [*INPUTS]
            for model in filter(self._progress.is_quiet, models):
                self._progress.sent(model)
                task = asyncio.create_task(self._probe(model))
                self._tasks.add(task)  # asyncio holds weak references only
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(EVERY_S)

    async def _probe(self, model: str) -> None:
        try:
            with contextlib.suppress(grpc.RpcError):  # an error is an answer too
                await self._stub.ModelInfer(probe(model), metadata=self._metadata)
        finally:
            self._progress.answered(model)

    async def _counts(self) -> dict[str, int]:
        answer = await self._stub.ModelStatistics(
            pb.ModelStatisticsRequest(), metadata=self._metadata, timeout=EVERY_S
        )
        return {
            each.name: each.inference_stats.success.count + each.inference_stats.fail.count
            for each in answer.model_stats
        }


class Health(HealthServicer):  # type: ignore[misc]  # grpc_health has no types
    """The health service of gRPC, for clients and balancers that choose among servers.

    As in Triton it is that of the whole server, whatever the name of the service. The servicer of
    grpc_health itself forgets all that watch when one of them leaves.

    Parameters
    ----------
    prober
        Says whether the server is ready.
    """

    def __init__(self, prober: Prober) -> None:
        self._prober = prober
        self._status = HealthCheckResponse.UNKNOWN
        self._looked_s = -math.inf

    async def _look(self) -> int:
        """How the server is, looked up at most every WATCH_S, and only while it is asked."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= WATCH_S:
            self._looked_s = now_s
            status = HealthCheckResponse.ServingStatus
            serves = not await self._prober.not_ready()
            self._status = status.SERVING if serves else status.NOT_SERVING
        return self._status

    async def Check(  # noqa: N802 - named by the protocol
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> HealthCheckResponse:
        """Answer how the server is."""
        return HealthCheckResponse(status=await self._look())

    async def Watch(  # noqa: N802
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[HealthCheckResponse]:
        """Answer how the server is, now and whenever it changes."""
        sent = None
        while True:
            status = await self._look()
            if status != sent:
                sent = status
                yield HealthCheckResponse(status=sent)
            await asyncio.sleep(WATCH_S)


def serve_health(
    prober: Prober,
    loop: asyncio.AbstractEventLoop,
    http_address: tuple[str, int],
    metrics: tuple[tuple[str, int], str],
) -> None:
    """Answer health and metrics over HTTP from now on.

    Parameters
    ----------
    prober
        Says whether the server is ready.
    loop
        The running loop of the prober.
    http_address
        Where health is served.
    metrics
        Where metrics are served, and path of the socket of Triton's metrics.
    """

    def answer(problem: Callable[[], Coroutine[Any, Any, str]]) -> tuple[int, str]:
        reason = asyncio.run_coroutine_threadsafe(problem(), loop).result()
        return (503 if reason else 200), reason

    health = {"live": prober.not_live, "ready": prober.not_ready}
    _serve_http(
        http_address,
        {f"/v2/health/{name}": partial(answer, problem) for name, problem in health.items()},
    )
    _serve_http(metrics[0], {"/metrics": lambda: _fetch_metrics(metrics[1])})


def _fetch_metrics(socket_path: str) -> tuple[int, str]:
    """Triton's metrics; 503 while it is away."""
    connection = _SocketConnection(socket_path)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 503, AWAY
    finally:
        connection.close()


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECTION_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _serve_http(address: tuple[str, int], pages: dict[str, Callable[[], tuple[int, str]]]) -> None:
    """Answer GET requests of these paths, with a thread per connection."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CONNECTION_S
        protocol_version, server_version, sys_version = "HTTP/1.1", "diarization", ""

        def do_GET(self) -> None:
            page = pages.get(self.path)
            status, text = page() if page else (404, f"expected one of {', '.join(pages)}\n")
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # the client closed the connection

    Thread(target=Server(address, Handler).serve_forever, daemon=True).start()
