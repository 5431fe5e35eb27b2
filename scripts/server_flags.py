"""Flags of `tritonserver`: what the caller says, and what is added where nothing is said."""

import secrets
from collections.abc import Sequence
from pathlib import Path

PREFIX = "python,shm-region-prefix-name="  # goes for the stand-in `onnxruntime` as well
REPOSITORIES = ("--model-repository", "--model-store")
# What nobody needs to diarize, and what a stranger could do harm with: map memory, load and unload
# models, write traces and logs to files of their choice.
CLOSED = ("shared-memory", "model-repository", "trace", "logging")
RESTRICTIONS = ("--grpc-restricted-protocol", "--http-restricted-api")
KEY_NAME = "diarization-key"


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
    key = secrets.token_hex(32)
    for name in RESTRICTIONS:
        taken = {
            protocol.strip()
            for value in flag_values(flags, name)
            for protocol in value.partition(":")[0].split(",")
        }
        if closed := [protocol for protocol in CLOSED if protocol not in taken]:
            control.append(f"{name}={','.join(closed)}:{KEY_NAME}={key}")
    return control


def health_headers(flags: Sequence[str]) -> dict[str, str]:
    """Headers with which one may ask over HTTP whether the server is ready."""
    headers = {}
    for value in flag_values(flags, "--http-restricted-api"):
        protocols, _, pair = value.partition(":")
        if "health" in protocols.split(","):
            name, _, key = pair.partition("=")
            headers[name] = key
    return headers
