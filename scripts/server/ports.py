"""Where a server listens."""

import contextlib
import random
import socket
from dataclasses import asdict, dataclass

from server.server_log import ServerError

LOOPBACK = "127.0.0.1"
# Linux gives none of these to outgoing connections, unless ip_local_port_range is set otherwise.
BELOW_EPHEMERAL = range(20_000, 32_768)


def in_address(host: str) -> str:
    """A host as it stands before a port: an IPv6 address gets brackets."""
    return f"[{host}]" if ":" in host else host


def _can_be_bound(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
        return True
    return False


@dataclass(frozen=True)
class Ports:
    """Ports of the three services; the defaults are Triton's own."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002

    @classmethod
    def free(cls) -> "Ports":
        """Three ports that nothing listens on at the moment."""
        shuffled = random.SystemRandom().sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL))
        free = filter(_can_be_bound, shuffled)
        return cls(next(free), next(free), next(free))

    def flags(self) -> list[str]:
        """The same as flags of `serve.sh`."""
        return [f"--{service}-port={port}" for service, port in asdict(self).items()]

    def require_free(self) -> None:
        """Raise ServerError naming the first port that is in use, or that two would share."""
        if len(set(asdict(self).values())) < len(asdict(self)):
            raise ServerError(f"three different ports are needed, got {asdict(self)}")
        for service, port in asdict(self).items():
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    raise ServerError(f"port {port} is in use; choose another --{service}-port")
