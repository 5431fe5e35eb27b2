"""The program: an HTTP server that runs until Ctrl-C or SIGTERM."""

import asyncio
import logging
import resource
import socket
import sys
from collections.abc import Sequence

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol  # it limits the size of headers

from sending.access import AccessError
from web.api.stream import MAX_FRAME_BYTES
from web.application import make_app
from web.gateway import Gateway
from web.http.access import KeyFileError
from web.jobs.uploads import MIN_BYTES_PER_S
from web.jobs.work_folder import WorkFolderError
from web.settings import Settings, parse_settings

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
SHUTDOWN_WITHIN_S = 10  # for answers in progress
REQUEST_WITHIN_S = 10.0  # a whole header, after the connection or the previous answer
READ_WITHIN_S = 60.0  # some part of an answer


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        settings = parse_settings(argv)
        gateway = Gateway(settings)
    except (AccessError, KeyFileError, WorkFolderError) as error:
        print(f"app.py: {error}", file=sys.stderr)
        return USAGE
    max_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # connections count too
    resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))
    server = make_server(settings, gateway)
    try:
        server.run()
    except SystemExit:  # uvicorn cannot listen; its log says why
        return FAILED
    except KeyboardInterrupt:  # uvicorn passes on the signal that stopped it
        return INTERRUPTED
    return OK if server.started else FAILED


class _Connection(H11Protocol):
    """Closes idle connections, which uvicorn keeps.

    That is a connection without a request or a whole header, or whose answer is not read. The rest
    of the body of an answered request is accepted, unless it is slow.
    """

    _n_received = 0
    _waiting: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if self._waiting:
            self._waiting.cancel()  # pings notice when nobody is there any more
        super().handle_websocket_upgrade(event)

    def data_received(self, data: bytes) -> None:
        self._n_received += len(data)
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader(0)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing:
            self._writing.cancel()

    def _wait_for_request(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._n_received = 0
        self._waiting = self.loop.call_later(REQUEST_WITHIN_S, self._end_waiting)

    def _end_waiting(self) -> None:
        if self.cycle and not self.cycle.response_complete:
            return  # a request is in progress
        if self._n_received < MIN_BYTES_PER_S * REQUEST_WITHIN_S:
            self.transport.close()
        else:
            self._wait_for_request()

    def _wait_for_reader(self, n_bytes_before: int) -> None:
        n_bytes = self.transport.get_write_buffer_size()
        if n_bytes == n_bytes_before:
            self.transport.abort()
            return
        self._writing = self.loop.call_later(READ_WITHIN_S, self._wait_for_reader, n_bytes)


class _Server(uvicorn.Server):
    """Prints its address once it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"ready: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def make_server(settings: Settings, gateway: Gateway) -> uvicorn.Server:
    """Make the HTTP server. It logs no requests: paths contain the secret ids of jobs."""
    return _Server(
        uvicorn.Config(
            make_app(gateway),
            host=settings.host,
            port=settings.port,
            http=_Connection,
            ws_max_size=MAX_FRAME_BYTES,
            ws_per_message_deflate=False,  # sound hardly shrinks
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=SHUTDOWN_WITHIN_S,
        )
    )
