"""Flags of `tritonserver` and of the proxy: what users give, and what is added; and ports."""

import contextlib
import random
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from server.server_log import ServerError

LOOPBACK = "127.0.0.1"
# Linux gives none of these to outgoing connections, unless ip_local_port_range is set otherwise.
BELOW_EPHEMERAL = range(20_000, 32_768)
SHM_PREFIX = "python,shm-region-prefix-name="  # also applies to the stand-in for `onnxruntime`
REPOSITORIES = ("--model-repository", "--model-store")
# Not needed to diarize, and dangerous: clients could map memory, load and unload models, write
# traces and logs to files of their choice.
LOCKED = ("shared-memory", "model-repository", "trace", "logging")
RESTRICTIONS = "--grpc-restricted-protocol"
GRPC_HEADER = "triton-grpc-protocol-"
KEY_NAME = "diarization-key"
SOCKET_PORT = ":1"  # Triton appends a port to the address of gRPC, whatever it is
# Flags for what the proxy does in Triton's place.
PROXIED = (
    "--http-address",
    "--grpc-address",
    "--metrics-address",
    "--grpc-use-ssl",
    "--grpc-use-ssl-mutual",
    "--grpc-server-cert",
    "--grpc-server-key",
    "--grpc-root-cert",
)
NOT_SERVED = "Triton's HTTP can be crashed by a request, so it is off; use gRPC or the web gateway"


def in_address(host: str) -> str:
    """Write a host as it stands before a port: an IPv6 address gets brackets."""
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
        """Choose three ports that are free at the moment."""
        shuffled = random.SystemRandom().sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL))
        free = filter(_can_be_bound, shuffled)
        return cls(next(free), next(free), next(free))

    def flags(self) -> list[str]:
        """Write the ports as flags of `serve.sh`."""
        return [f"--{service}-port={port}" for service, port in asdict(self).items()]

    def require_free(self) -> None:
        """Raise ServerError if a port is in use, or two are the same."""
        if len(set(asdict(self).values())) < len(asdict(self)):
            raise ServerError(f"three different ports are needed, got {asdict(self)}")
        for service, port in asdict(self).items():
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    raise ServerError(f"port {port} is in use; choose another --{service}-port")


def flag_values(flags: Sequence[str], name: str) -> list[str]:
    """Values of all `--name=value` and `--name value` among the flags, in order."""
    following = [*flags[1:], ""]
    return [
        value if equals else after
        for (flag, equals, value), after in zip(
            (flag.partition("=") for flag in flags), following, strict=False
        )
        if flag == name
    ]


def flag_value(flags: Sequence[str], name: str, default: str) -> str:
    """Value of the last `--name=value` or `--name value` among the flags."""
    return [default, *flag_values(flags, name)][-1]


def repository_flags(flags: Sequence[str], repository: Path) -> list[str]:
    """Flag of the default repository, unless another is given: Triton would serve both."""
    given = any(flag_values(flags, name) for name in REPOSITORIES)
    return [] if given else [f"{REPOSITORIES[0]}={repository}"]


def shared_memory_flags(flags: Sequence[str], prefix: str) -> list[str]:
    """Flag of the prefix of shared memory's names, unless another is given."""
    return [] if given_prefix(flags) else [f"--backend-config={SHM_PREFIX}{prefix}"]


def given_prefix(flags: Sequence[str]) -> str:
    """The prefix of shared memory's names that the flags set; "" if they do not."""
    values = flag_values(flags, "--backend-config")
    prefixes = [value for value in values if value.startswith(SHM_PREFIX)]
    return prefixes[-1].removeprefix(SHM_PREFIX) if prefixes else ""


def lockdown_flags(flags: Sequence[str]) -> list[str]:
    """Flags that restrict protocols that diarization does not need, by a random key.

    Parameters
    ----------
    flags
        The user's. A protocol that they restrict by a key of their own is left out, because Triton
        accepts each protocol in one group only.
    """
    control = [] if flag_values(flags, "--model-control-mode") else ["--model-control-mode=none"]
    taken = {
        protocol.strip()
        for value in flag_values(flags, RESTRICTIONS)
        for protocol in value.partition(":")[0].split(",")
    }
    if locked := [protocol for protocol in LOCKED if protocol not in taken]:
        control.append(f"{RESTRICTIONS}={','.join(locked)}:{KEY_NAME}={secrets.token_hex(32)}")
    return control


def require_supported(flags: Sequence[str]) -> None:
    """Raise ServerError if flags ask for services that the proxy does not pass on."""
    for name in ("--allow-http", "--http-restricted-api"):
        if flag_value(flags, name, "false").lower() not in ("false", "0"):
            raise ServerError(f"{name}: {NOT_SERVED}")
    if not is_on(flags, "--allow-grpc", "true"):
        raise ServerError("--allow-grpc=false: there is no other way to send a request")


class Sockets(NamedTuple):
    """Paths of the Unix sockets on which Triton listens for the proxy."""

    grpc: Path
    metrics: Path


def sockets_at(prefix: Path) -> Sockets:
    """Sockets whose paths begin with `prefix`."""
    return Sockets(Path(f"{prefix}grpc{SOCKET_PORT}"), Path(f"{prefix}metrics"))


def private_flags(flags: Sequence[str], sockets: Sockets) -> list[str]:
    """The user's flags, and those that make Triton listen for the proxy alone."""
    listening = [
        "--allow-http=false",
        f"--grpc-address=unix:{str(sockets.grpc).removesuffix(SOCKET_PORT)}",
        f"--grpc-port={SOCKET_PORT.strip(':')}",
        f"--metrics-address=unix:{sockets.metrics}",
    ]
    return [*without(flags, PROXIED), *listening]


def proxy_flags(
    flags: Sequence[str],
    ports: Mapping[str, int],
    sockets: Sockets,
    drain_lock: Path,
    client_models: str,
) -> list[str]:
    """Flags of `proxy.py`; `ports` are those of the services http, grpc, metrics."""
    addresses = {service: flag_value(flags, f"--{service}-address", LOOPBACK) for service in ports}
    return [
        *(
            f"--{service}={in_address(host)}:{ports[service]}"
            for service, host in addresses.items()
        ),
        f"--triton={sockets.grpc}",
        f"--triton-metrics={sockets.metrics}",
        f"--drain-lock={drain_lock}",
        f"--client-models={client_models}",
        *flags,
    ]


def grpc_headers(flags: Sequence[str]) -> list[tuple[str, str]]:
    """GRPC headers that unlock the protocols which the user's flags restrict by a key."""
    return [
        (GRPC_HEADER + name, key)
        for value in flag_values(flags, RESTRICTIONS)
        for name, _, key in [value.partition(":")[2].partition("=")]
    ]


def is_on(flags: Sequence[str], name: str, default: str = "false") -> bool:
    """Whether a boolean flag is true."""
    return flag_value(flags, name, default).lower() in ("true", "1")


def without(flags: Sequence[str], names: Collection[str]) -> list[str]:
    """All flags except those of these names, given as `--name=value` or `--name value`."""
    kept = []
    skip = False
    for flag in flags:
        name, equals, _ = flag.partition("=")
        if not skip and name not in names:
            kept.append(flag)
        skip = not skip and name in names and not equals
    return kept
