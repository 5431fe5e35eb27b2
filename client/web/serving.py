"""The program: from options to a server that runs until Ctrl-C or SIGTERM."""

import logging
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

OK, FAILED, USAGE = 0, 1, 2
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
    server.run()
    return OK if server.started else FAILED


def uvicorn_server(settings: Settings, gateway: Gateway) -> uvicorn.Server:
    """Make the HTTP server. It logs no request: paths hold the secret ids of jobs."""
    return uvicorn.Server(
        uvicorn.Config(
            application(gateway),
            host=settings.host,
            port=settings.port,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=GRACE_S,
        )
    )
