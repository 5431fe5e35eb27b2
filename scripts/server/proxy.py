"""The proxy in front of Triton: gRPC, health and metrics, each at its usual port.

    proxy.py --grpc=HOST:PORT --http=HOST:PORT --metrics=HOST:PORT --triton=SOCKET
             --triton-metrics=SOCKET --client-models=NAME,... [flags of tritonserver]

Triton itself listens on two sockets that only this user may open. Triton 24.10 can be crashed over
HTTP (CVE-2025-23310, -23311) and by the shape of a tensor, so its HTTP is off and every gRPC
inference is checked here first. Started and ended by `triton_server.TritonServer`; ends when its
standard input does.
"""

import argparse
import asyncio
import http.client
import re
import resource
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server.model_probes import Prober
from server.proxy_rules import Backoff, Kind, RefusedError, kind_of, parsed, require_allowed
from server.readiness import HANGING
from server.server_flags import flag_value, grpc_headers, is_on

SERVICE = "/inference.GRPCInferenceService/"
INFERENCES = (f"{SERVICE}ModelInfer", f"{SERVICE}ModelStreamInfer")
# There is no connection to Triton; or it broke, so that Triton crashed or was ended.
NO_CONNECTION = re.compile("failed to connect")
# The last is grpc.aio's, of a message that could not be written to its end.
BROKEN = re.compile(
    "[Ss]ocket closed|Stream removed|RST_STREAM|GOAWAY|Connection re|Broken pipe|error from Core"
)
OWN_CODES = (  # of gRPC itself; texts of others may hold anything that a client sent
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
DEAD_PROCESS = re.compile("Stub process .*is not healthy")
REGION = re.compile(" for key '[^']*'")  # the name of shared memory, which opens it
AWAY = "the server is starting again; try again later"
ATTRIBUTED_S = 10.0  # so long after a request was found to be at fault, others that fail are not
READY_WITHIN_S = 5.0
CONNECTION_S = 10.0  # for a connection to say what it wants
IDLE_S = 600.0  # that a connection may be kept without a call; clients open another by themselves
LARGEST = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
SERVER_OPTIONS = [
    *LARGEST,
    ("grpc.server_handshake_timeout_ms", int(CONNECTION_S * 1000)),
    ("grpc.max_connection_idle_ms", int(IDLE_S * 1000)),
    ("grpc.so_reuseport", 0),
]
Context: TypeAlias = grpc.aio.ServicerContext

CHANNEL_OPTIONS = [
    *LARGEST,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Passes every call of a gRPC client on to Triton, once it is known to be harmless.

    Parameters
    ----------
    channel
        To Triton.
    models
        Names of the models that clients may call; `*` stands for all.
    """

    def __init__(self, channel: grpc.aio.Channel, models: Sequence[str]) -> None:
        self._channel, self._models = channel, models
        self._backoff = Backoff()
        self._n_under_way = 0
        self._attributed_s = float("-inf")

    def is_idle(self) -> bool:
        """Whether no inference is under way."""
        return not self._n_under_way

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """How a call is handled: bytes go in and out, one message or many."""
        method = handler_call_details.method
        return grpc.stream_stream_rpc_method_handler(partial(self._pass_on, method))

    async def _pass_on(
        self, method: str, messages: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Any call. A message is dropped as soon as it is sent: it may wait in Triton for long."""
        kinds: deque[Kind] = deque()  # of the inferences that wait for their answer
        checked = self._checked(method, messages, context, kinds)
        call = None
        try:
            first = [await anext(checked)]
            call = self._channel.stream_stream(method)(
                timeout=context.time_remaining(), metadata=_headers(context)
            )
            sending = asyncio.create_task(_send(first, checked, call))
            async for answer in call:
                if kinds:
                    self._backoff.answered(kinds.popleft())
                    self._n_under_way -= 1
                yield answer
            await sending
        except RefusedError as error:
            await context.abort(error.code, str(error))
        except grpc.aio.AioRpcError as error:
            self._note_failure(kinds, error)
            await context.abort(*_status(error))
        except StopAsyncIteration:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expected a message, got none")
        finally:
            self._n_under_way -= len(kinds)
            if call is not None:
                sending.cancel()
                call.cancel()

    async def _checked(
        self, method: str, messages: AsyncIterator[bytes], context: Context, kinds: deque[Kind]
    ) -> AsyncIterator[bytes]:
        """The messages of a call; RefusedError at an inference that Triton may not have."""
        async for message in messages:
            if method in INFERENCES:
                kinds.append(self._kind_of_allowed(message, context))
                self._n_under_way += 1
            yield message
            del message

    def _kind_of_allowed(self, message: bytes, context: Context) -> Kind:
        request = parsed(message)
        require_allowed(request, self._models)
        kind = kind_of(context.peer(), request)
        if wait_s := self._backoff.wait_s(kind):
            raise RefusedError(
                grpc.StatusCode.UNAVAILABLE,
                "the server crashed while it worked on such requests of this client; try again in "
                f"{wait_s:.0f} s",
            )
        return kind

    def _note_failure(self, kinds: Iterable[Kind], error: grpc.aio.AioRpcError) -> None:
        """Hold kinds of requests off if the server crashed over them, or may have."""
        now_s = asyncio.get_running_loop().time()
        if _matches(error, DEAD_PROCESS):
            self._attributed_s = now_s
        elif not _matches(error, BROKEN) or now_s - self._attributed_s < ATTRIBUTED_S:
            return
        for kind in kinds:
            n_crashes, held_s = self._backoff.crashed(kind), self._backoff.wait_s(kind)
            _say(f"crash {n_crashes} during a request of {kind}; held off for {held_s:.0f} s")


async def _send(
    first: list[bytes], others: AsyncIterator[bytes], call: grpc.aio.StreamStreamCall
) -> None:
    """Send all messages to Triton, and say that there are no more."""
    try:
        await call.write(first.pop())
        async for message in others:
            await call.write(message)
            del message
    finally:
        if not call.done():
            await call.done_writing()


def _headers(context: Context) -> tuple[tuple[str, str | bytes], ...]:
    """The client's own headers; gRPC writes the others itself."""
    metadata = context.invocation_metadata() or ()
    return tuple((name, value) for name, value in metadata if name != "user-agent")


def _matches(error: grpc.aio.AioRpcError, pattern: re.Pattern[str]) -> bool:
    return error.code() in OWN_CODES and bool(pattern.search(error.details() or ""))


def _status(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Status of an answer; what would name a file or a process of the server does not get out."""
    if any(_matches(error, sign) for sign in (DEAD_PROCESS, NO_CONNECTION, BROKEN)):
        return grpc.StatusCode.UNAVAILABLE, AWAY
    return error.code(), REGION.sub("", error.details() or "")


class Health:
    """What is answered over HTTP.

    Parameters
    ----------
    ready
        Gives why the server is not ready; an empty text if it is.
    metrics
        Path of the socket on which Triton tells its metrics.
    """

    def __init__(self, ready: Callable[[], str], metrics: str) -> None:
        self._ready, self._metrics = ready, metrics

    def live(self) -> tuple[int, str]:
        """Whether the proxy runs."""
        return 200, ""

    def ready(self) -> tuple[int, str]:
        """Whether Triton is ready and every model answers."""
        reason = self._ready()
        return (503 if reason else 200), reason

    def metrics(self) -> tuple[int, str]:
        """Triton's metrics; 503 while it is away."""
        connection = _SocketConnection(self._metrics)
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
    """Answer GET of these paths, each connection in a thread of its own."""

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
            pass  # the client hung up

    Thread(target=Server(address, Handler).serve_forever, daemon=True).start()


class NotListeningError(Exception):
    """The proxy cannot listen; the text is one sentence."""


def _credentials(flags: Sequence[str]) -> grpc.ServerCredentials | None:
    """TLS as Triton's own flags ask for it; None without."""
    mutual = is_on(flags, "--grpc-use-ssl-mutual")
    if not mutual and not is_on(flags, "--grpc-use-ssl"):
        return None
    try:
        key, cert = (
            Path(flag_value(flags, f"--grpc-server-{name}", "")).read_bytes()
            for name in ("key", "cert")
        )
        root = flag_value(flags, "--grpc-root-cert", "")
        authority = Path(root).read_bytes() if root else None
    except OSError as error:
        raise NotListeningError(f"cannot read {error.filename}: {error.strerror}") from error
    return grpc.ssl_server_credentials([(key, cert)], authority, require_client_auth=mutual)


async def _listening(proxy: Proxy, address: str, flags: Sequence[str]) -> grpc.aio.Server:
    server = grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((proxy,))
    credentials = _credentials(flags)
    try:
        if credentials:
            server.add_secure_port(address, credentials)
        else:
            server.add_insecure_port(address)
    except RuntimeError as error:
        raise NotListeningError(f"cannot listen for gRPC at {address}") from error
    await server.start()
    return server


async def _not_ready(
    stub: GRPCInferenceServiceStub, prober: Prober, metadata: Sequence[tuple[str, str]]
) -> str:
    if hanging := prober.hanging():
        return f"{HANGING}{', '.join(hanging)}"
    try:
        answer = await stub.ServerReady(
            pb.ServerReadyRequest(), metadata=metadata, timeout=READY_WITHIN_S
        )
    except grpc.RpcError:
        return AWAY
    return "" if answer.ready else "models are loading"


async def _run(options: argparse.Namespace, flags: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_reader(sys.stdin.fileno(), ended.set)  # whoever started this has gone
    metadata = grpc_headers(flags)
    async with grpc.aio.insecure_channel(f"unix:{options.triton}", CHANNEL_OPTIONS) as channel:
        proxy = Proxy(channel, options.client_models.split(","))
        stub = GRPCInferenceServiceStub(channel)
        prober = Prober(stub, metadata, proxy.is_idle)
        server = await _listening(proxy, options.grpc, flags)

        def ready() -> str:
            asking = asyncio.run_coroutine_threadsafe(_not_ready(stub, prober, metadata), loop)
            return asking.result()

        health = Health(ready, options.triton_metrics)
        _serve_http(
            options.http, {"/v2/health/live": health.live, "/v2/health/ready": health.ready}
        )
        _serve_http(options.metrics, {"/metrics": health.metrics})
        probing = asyncio.create_task(prober.run())
        await ended.wait()
        probing.cancel()
        await server.stop(grace=None)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _say(text: str) -> None:
    print(f"proxy: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run until standard input ends, or SIGTERM comes."""
    parser = argparse.ArgumentParser(prog="proxy.py", allow_abbrev=False)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--http", type=_address, required=True)
    parser.add_argument("--metrics", type=_address, required=True)
    parser.add_argument("--triton", required=True)
    parser.add_argument("--triton-metrics", required=True)
    parser.add_argument("--client-models", required=True)
    options, flags = parser.parse_known_args()
    most_open = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_open, most_open))  # of connections
    try:
        asyncio.run(_run(options, flags))
    except (NotListeningError, OSError) as error:
        sys.exit(f"proxy: {error}")


if __name__ == "__main__":
    main()
