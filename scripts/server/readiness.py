"""Whether a server is ready, asked over HTTP; as a program, with its exit status: [URL]."""

import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

from server.ports import LOOPBACK, Ports, in_address
from server.server_flags import flag_value

EVERYWHERE = ("0.0.0.0", "::")
HANGING = "models that do not answer: "  # begins what is said of a server that hangs
TIMEOUT_S = 6.0  # the proxy asks Triton, which has 5 s
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for this machine itself


def http_url(port: int, flags: Sequence[str]) -> str:
    """Where the HTTP service of a server with these flags is reached from this machine."""
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
