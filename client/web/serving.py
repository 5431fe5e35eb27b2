"""The program: from options to a server that runs until Ctrl-C or SIGTERM."""

import logging
import socket
import sys
from collections.abc import Sequence

import uvicorn

import quiet_grpc  # noqa: F401  before anything imports gRPC
from access import AccessError
from web.application import application
from web.gateway import Gateway
from web.guards import KeyFileError
from web.options import parsed_settings
from web.settings import Settings
from web.work_folder import WorkFolderError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
GRACE_S = 10  # for answers under way when it is stopped


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        settings = parsed_settings(argv)
        gateway = Gateway(settings)
    except (AccessError, KeyFileError, WorkFolderError) as error:
        print(f"app.py: {error}", file=sys.stderr)
        return USAGE
    server = uvicorn_server(settings, gateway)
    try:
        server.run()
    except SystemExit:  # uvicorn's way to say that it cannot listen; its log says why
        return FAILED
    except KeyboardInterrupt:  # uvicorn passes the signal on that ended it
        return INTERRUPTED
    return OK if server.started else FAILED


class _Server(uvicorn.Server):
    """Says when it is ready, and where."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"ready: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def uvicorn_server(settings: Settings, gateway: Gateway) -> uvicorn.Server:
    """Make the HTTP server. It logs no request: paths hold the secret ids of jobs."""
    return _Server(
        uvicorn.Config(
            application(gateway),
            host=settings.host,
            port=settings.port,
            http="h11",  # the one that limits headers; httptools, where it is installed, does not
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=GRACE_S,
        )
    )
