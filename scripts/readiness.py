"""Whether a server is ready, asked over HTTP; as a program, with its exit status: [URL]."""

import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

from ports import LOOPBACK, Ports
from server_flags import flag_value, health_headers
from server_log import ServerError

EVERYWHERE = ("0.0.0.0", "::")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for this machine itself


def http_url(port: int, flags: Sequence[str]) -> str:
    """Where the HTTP service of a server with these flags is reached from this machine."""
    address = flag_value(flags, "--http-address", LOOPBACK)
    return f"http://{LOOPBACK if address in EVERYWHERE else address}:{port}"


def require_http(flags: Sequence[str]) -> None:
    """Raise ServerError if the flags switch HTTP off."""
    if flag_value(flags, "--allow-http", "true").lower() in ("false", "0"):
        raise ServerError("--allow-http=false: readiness is asked over HTTP, leave it on loopback")


def is_ready(url: str, flags: Sequence[str]) -> bool:
    """Whether all models of the server at this address are ready."""
    request = urllib.request.Request(f"{url}/v2/health/ready", headers=health_headers(flags))
    try:
        with NO_PROXY.open(request, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(not is_ready((sys.argv[1:] or [http_url(Ports().http, [])])[0], []))
