"""The proxy in front of Triton: gRPC, health and metrics, each at its usual port.

    proxy.py --grpc=HOST:PORT --http=HOST:PORT --metrics=HOST:PORT --triton=SOCKET
             --triton-metrics=SOCKET --drain-lock=FILE --client-models=NAME,...
             [flags of tritonserver]

Triton itself listens on two sockets that only this user may open. Triton 24.10 can be crashed over
HTTP (CVE-2025-23310, -23311) and by the shape of a tensor, so its HTTP is off and every gRPC
inference is checked here first. `TritonServer` starts and stops the proxy, which also exits when
its standard input is closed.
"""

import argparse
import asyncio
import re
import resource
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import grpc
import grpc.aio
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server.drain_lock import DrainLock
from server.flags import flag_value, grpc_headers, is_on
from server.processes import NOT_READY
from server.proxy_health import AWAY, CONNECTION_S, STOPPING, Health, Prober, serve_health
from server.proxy_rules import Backoff, Kind, RefusedError, kind_of, parse, require_allowed

SERVICE = "/inference.GRPCInferenceService/"
INFERENCES = (f"{SERVICE}ModelInfer", f"{SERVICE}ModelStreamInfer")
NO_CONNECTION = re.compile("failed to connect")
# The connection broke: Triton crashed or was stopped. The last is grpc.aio's, when a message could
# not be written to its end.
BROKEN = re.compile(
    "[Ss]ocket closed|Stream removed|RST_STREAM|GOAWAY|Connection re|Broken pipe|error from Core"
)
OWN_CODES = (  # of gRPC itself; the text of others may quote what a client sent
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
DEAD_PROCESS = re.compile("Stub process .*is not healthy")
REGION = re.compile(" for key '[^']*'")  # the name of shared memory, by which it can be opened
ATTRIBUTED_S = 10.0  # after a crash was attributed to a request, other failures are not blamed
IDLE_S = 600.0  # a connection without a call is closed; clients open another by themselves
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
    """Passes the calls of gRPC clients on to Triton, after a check of every inference.

    Parameters
    ----------
    channel
        To Triton.
    models
        Names of the models that clients may call; `*` is all.
    drain_lock
        Refuses requests before the server stops. The models do so too, but once they are unloaded
        Triton would say that there are none.
    """

    def __init__(
        self, channel: grpc.aio.Channel, models: Sequence[str], drain_lock: DrainLock
    ) -> None:
        self._channel, self._models, self._drain_lock = channel, models, drain_lock
        self._backoff = Backoff()
        self._n_under_way = 0
        self._attributed_s = float("-inf")

    def is_idle(self) -> bool:
        """Whether no inference is under way."""
        return not self._n_under_way

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Handle a call of any method: bytes in and out, one message or many."""
        method = handler_call_details.method
        return grpc.stream_stream_rpc_method_handler(partial(self._pass_on, method))

    async def _pass_on(
        self, method: str, messages: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Pass on a call; a message is freed once sent, as it may be long in Triton's queue."""
        kinds: deque[Kind] = deque()  # of the inferences under way
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
        """Yield the messages of a call; RefusedError at an inference that is refused."""
        async for message in messages:
            if method in INFERENCES:
                kinds.append(self._kind_of_allowed(message, context))
                self._n_under_way += 1
            yield message
            del message

    def _kind_of_allowed(self, message: bytes, context: Context) -> Kind:
        if self._drain_lock.refuses():
            raise RefusedError(grpc.StatusCode.UNAVAILABLE, STOPPING)
        request = parse(message)
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
        """Refuse such requests for a while if they may have crashed the server."""
        now_s = asyncio.get_running_loop().time()
        if _matches(error, DEAD_PROCESS):
            self._attributed_s = now_s
        elif not _matches(error, BROKEN) or now_s - self._attributed_s < ATTRIBUTED_S:
            return
        for kind in kinds:
            n_crashes, held_s = self._backoff.crashed(kind), self._backoff.wait_s(kind)
            _log(f"crash {n_crashes} during a request of {kind}; held off for {held_s:.0f} s")


async def _send(
    first: list[bytes], others: AsyncIterator[bytes], call: grpc.aio.StreamStreamCall
) -> None:
    """Send all messages to Triton, and close the sending side."""
    try:
        await call.write(first.pop())
        async for message in others:
            await call.write(message)
            del message
    finally:
        if not call.done():
            await call.done_writing()


def _headers(context: Context) -> tuple[tuple[str, str | bytes], ...]:
    """The client's own headers; gRPC adds the others itself."""
    metadata = context.invocation_metadata() or ()
    return tuple((name, value) for name, value in metadata if name != "user-agent")


def _matches(error: grpc.aio.AioRpcError, pattern: re.Pattern[str]) -> bool:
    return error.code() in OWN_CODES and bool(pattern.search(error.details() or ""))


def _status(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Status for the client, without names of the server's files and processes."""
    if any(_matches(error, sign) for sign in (DEAD_PROCESS, NO_CONNECTION, BROKEN)):
        return grpc.StatusCode.UNAVAILABLE, AWAY
    return error.code(), REGION.sub("", error.details() or "")


class ListenError(Exception):
    """The proxy cannot listen; the text is one sentence."""


def _credentials(flags: Sequence[str]) -> grpc.ServerCredentials | None:
    """TLS as Triton's own flags configure it; None without."""
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
        raise ListenError(f"cannot read {error.filename}: {error.strerror}") from error
    return grpc.ssl_server_credentials([(key, cert)], authority, require_client_auth=mutual)


async def _listen(
    proxy: Proxy, health: Health, address: str, flags: Sequence[str]
) -> grpc.aio.Server:
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_HealthServicer_to_server(health, server)  # first: the proxy handles what is left
    server.add_generic_rpc_handlers((proxy,))
    credentials = _credentials(flags)
    try:
        if credentials:
            server.add_secure_port(address, credentials)
        else:
            server.add_insecure_port(address)
    except RuntimeError as error:
        raise ListenError(f"cannot listen for gRPC at {address}") from error
    await server.start()
    return server


async def _run(options: argparse.Namespace, flags: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_reader(sys.stdin.fileno(), ended.set)  # the parent process is gone
    metadata = grpc_headers(flags)
    async with grpc.aio.insecure_channel(f"unix:{options.triton}", CHANNEL_OPTIONS) as channel:
        drain_lock = DrainLock(options.drain_lock)
        proxy = Proxy(channel, options.client_models.split(","), drain_lock)
        stub = GRPCInferenceServiceStub(channel)
        prober = Prober(stub, metadata, proxy.is_idle, drain_lock)
        loop.add_signal_handler(NOT_READY, setattr, prober, "stopping", True)
        server = await _listen(proxy, Health(prober), options.grpc, flags)
        serve_health(prober, loop, options.http, (options.metrics, options.triton_metrics))
        probing = asyncio.create_task(prober.run())
        await ended.wait()
        probing.cancel()
        await server.stop(grace=None)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _log(text: str) -> None:
    print(f"proxy: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run until standard input is closed, or a signal arrives."""
    parser = argparse.ArgumentParser(prog="proxy.py", allow_abbrev=False)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--http", type=_address, required=True)
    parser.add_argument("--metrics", type=_address, required=True)
    parser.add_argument("--triton", required=True)
    parser.add_argument("--triton-metrics", required=True)
    parser.add_argument("--drain-lock", type=Path, required=True)
    parser.add_argument("--client-models", required=True)
    options, flags = parser.parse_known_args()
    max_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))  # each connection is one
    try:
        asyncio.run(_run(options, flags))
    except (ListenError, OSError) as error:
        sys.exit(f"proxy: {error}")


if __name__ == "__main__":
    main()
