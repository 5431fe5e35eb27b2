"""Flags of `tritonserver`: what the caller says, and what is added where nothing is said."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from server.ports import LOOPBACK, in_address
from server.server_log import ServerError

PREFIX = "python,shm-region-prefix-name="  # goes for the stand-in `onnxruntime` as well
REPOSITORIES = ("--model-repository", "--model-store")
# What nobody needs to diarize, and what a stranger could do harm with: map memory, load and unload
# models, write traces and logs to files of their choice.
CLOSED = ("shared-memory", "model-repository", "trace", "logging")
RESTRICTIONS = "--grpc-restricted-protocol"
GRPC_HEADER = "triton-grpc-protocol-"
KEY_NAME = "diarization-key"
SOCKET_PORT = ":1"  # Triton puts a port behind the address of gRPC, whatever it is
# What the proxy does in Triton's place.
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


def flag_values(flags: Sequence[str], name: str) -> list[str]:
    """Values of all `--name=value` and `--name value` among the flags, in order."""
    following = [*flags[1:], ""]  # one more than there are flags, if there are none
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
    """The model repository, unless another is given: Triton would serve both."""
    given = any(flag_values(flags, name) for name in REPOSITORIES)
    return [] if given else [f"{REPOSITORIES[0]}={repository}"]


def shared_memory_flags(flags: Sequence[str], prefix: str) -> list[str]:
    """The prefix of the names of shared memory, unless another is given."""
    return [] if given_prefix(flags) else [f"--backend-config={PREFIX}{prefix}"]


def given_prefix(flags: Sequence[str]) -> str:
    """The prefix of the names of shared memory that the flags tell; nothing if they do not."""
    told = [value for value in flag_values(flags, "--backend-config") if value.startswith(PREFIX)]
    return told[-1].removeprefix(PREFIX) if told else ""


def closing_flags(flags: Sequence[str]) -> list[str]:
    """Flags that close what diarization does not need, under a key that nobody is told.

    Parameters
    ----------
    flags
        The caller's; a protocol that they restrict by a key of their own is left to them, since it
        may stand in one group only.
    """
    control = [] if flag_values(flags, "--model-control-mode") else ["--model-control-mode=none"]
    taken = {
        protocol.strip()
        for value in flag_values(flags, RESTRICTIONS)
        for protocol in value.partition(":")[0].split(",")
    }
    if closed := [protocol for protocol in CLOSED if protocol not in taken]:
        control.append(f"{RESTRICTIONS}={','.join(closed)}:{KEY_NAME}={secrets.token_hex(32)}")
    return control


def require_possible(flags: Sequence[str]) -> None:
    """Raise ServerError where flags ask for what is not served through the proxy."""
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
    """The sockets whose paths begin like this."""
    return Sockets(Path(f"{prefix}grpc{SOCKET_PORT}"), Path(f"{prefix}metrics"))


def private_flags(flags: Sequence[str], sockets: Sockets) -> list[str]:
    """The caller's flags, and those with which Triton listens for the proxy alone."""
    listening = [
        "--allow-http=false",
        f"--grpc-address=unix:{str(sockets.grpc).removesuffix(SOCKET_PORT)}",
        f"--grpc-port={SOCKET_PORT.strip(':')}",
        f"--metrics-address=unix:{sockets.metrics}",
    ]
    return [*without(flags, PROXIED), *listening]


def proxy_flags(
    flags: Sequence[str], ports: Mapping[str, int], sockets: Sockets, client_models: str
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
        f"--client-models={client_models}",
        *flags,
    ]


def grpc_headers(flags: Sequence[str]) -> list[tuple[str, str]]:
    """Headers of gRPC with which everything is open that the caller's flags put under a key."""
    return [
        (GRPC_HEADER + name, key)
        for value in flag_values(flags, RESTRICTIONS)
        for name, _, key in [value.partition(":")[2].partition("=")]
    ]


def is_on(flags: Sequence[str], name: str, default: str = "false") -> bool:
    """Whether a flag that is true or false is true."""
    return flag_value(flags, name, default).lower() in ("true", "1")


def without(flags: Sequence[str], names: Collection[str]) -> list[str]:
    """All flags but those of these names, given as `--name=value` or `--name value`."""
    kept = []
    skip = False
    for flag in flags:
        name, equals, _ = flag.partition("=")
        if not skip and name not in names:
            kept.append(flag)
        skip = not skip and name in names and not equals
    return kept
