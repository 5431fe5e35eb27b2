"""Ask over HTTP whether a server is ready.

    readiness.py [URL]

As a program it exits with status 0 if it is: the health check of the container.
"""

import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

from server.flags import LOOPBACK, Ports, flag_value, in_address

EVERYWHERE = ("0.0.0.0", "::")
HANGING = "models that do not answer: "  # how the proxy's answer for a server that hangs begins
TIMEOUT_S = 6.0  # the proxy asks Triton, which has 5 s
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for this machine itself


def http_url(port: int, flags: Sequence[str]) -> str:
    """URL of the HTTP service of a server with these flags, on this machine."""
    address = flag_value(flags, "--http-address", LOOPBACK)
    host = LOOPBACK if address in EVERYWHERE else address
    return f"http://{in_address(host)}:{port}"


def not_ready(url: str) -> str | None:
    """Why the server at this address is not ready; "" if it is, None if nothing answers."""
    try:
        with NO_PROXY.open(f"{url}/v2/health/ready", timeout=TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace") or str(error.reason)
    except (OSError, http.client.HTTPException):
        return None


if __name__ == "__main__":
    sys.exit(not_ready((sys.argv[1:] or [http_url(Ports().http, [])])[0]) != "")
