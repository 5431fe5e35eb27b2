"""Which server gets a request: gRPC takes turns for recordings, a live session has a home.

gRPC keeps one connection, so behind a name with several addresses a client would use one of them.
"""

import hashlib
import json
import socket
from collections.abc import Callable

Options = list[tuple[str, int | str]]

REACHED_WITHIN_S = 1.0
TRIES = 20
# Servers that are not ready are left out; one without the method `Watch` counts as ready.
BALANCED: Options = [
    (
        "grpc.service_config",
        json.dumps(
            {
                "loadBalancingConfig": [{"round_robin": {}}],
                "healthCheckConfig": {"serviceName": ""},
            }
        ),
    )
]


def split(url: str) -> list[str]:
    """Split addresses separated by commas."""
    return [address for each in url.split(",") if (address := each.strip())]


def target(url: str) -> tuple[str, Options]:
    """Where a channel for recordings leads, and its options.

    Parameters
    ----------
    url
        `host:port` of a server, or several of them separated by commas. Their names are looked up
        now. A single name with several addresses is looked up by gRPC, again when one is lost.

    Returns
    -------
    str, list of (str, int or str)
        Target and options, those of turns only where there are several servers.
    """
    names = split(url)
    known = [address for name in names for address in _look_up(name, socket.AF_INET)]
    scheme = "ipv4" if known else "ipv6"
    known = known or [address for name in names for address in _look_up(name, socket.AF_INET6)]
    if len(names) > 1 and known:
        # The name in everyone's certificate.
        authority: Options = [("grpc.default_authority", names[0])]
        return f"{scheme}:{','.join(known)}", [*BALANCED, *authority]
    return url, [*BALANCED] if len(known) > 1 else []


def home_of(session: str, url: str) -> str:
    """Which of the servers has a session: the same wherever and whenever it is asked.

    Source: Thaler and Ravishankar 1998, rendezvous hashing.
    """
    return max(
        split(url) or [url],
        key=lambda address: hashlib.sha256(f"{session} {address}".encode()).digest(),
    )


def new_session(url: str, make_id: Callable[[], str]) -> str:
    """Make the id of a session whose home can be reached, if any server can."""
    tried: set[str] = set()
    session = make_id()
    for _ in range(TRIES):
        home = home_of(session, url)
        if home == url or (home not in tried and _accepts(home)):
            break
        tried.add(home)
        session = make_id()
    return session


def host_and_port(address: str) -> tuple[str, str]:
    """Split an address at its last colon; brackets of IPv6 are removed."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


def _look_up(name: str, family: socket.AddressFamily) -> list[str]:
    """Addresses of a `host:port` as gRPC writes them; none if it is unknown."""
    try:
        found = socket.getaddrinfo(*host_and_port(name), family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    hosts = [f"[{host}]" if family == socket.AF_INET6 else f"{host}" for *_, (host, *_) in found]
    return [f"{host}:{host_and_port(name)[1]}" for host in hosts]


def _accepts(address: str) -> bool:
    try:
        socket.create_connection(host_and_port(address), REACHED_WITHIN_S).close()
    except (OSError, UnicodeError, ValueError):
        return False
    return True
