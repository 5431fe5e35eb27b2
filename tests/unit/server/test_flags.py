"""What is added to the flags of `tritonserver`, and which of the user's flags win; ports."""

import socket
from pathlib import Path

import pytest

from server.flags import (
    LOCKED,
    Ports,
    flag_value,
    flag_values,
    given_prefix,
    grpc_headers,
    lockdown_flags,
    private_flags,
    proxy_flags,
    repository_flags,
    shared_memory_flags,
    sockets_at,
)

GRPC = "--grpc-restricted-protocol"
PORTS = {"http": 1, "grpc": 2, "metrics": 3}
SOCKETS = sockets_at(Path("/s/x_"))


def test_values_are_found_in_both_spellings_and_in_order():
    flags = ["--a=1", "--b", "2", "--a", "3", "--ab=4", "--a"]
    assert flag_values(flags, "--a") == ["1", "3", ""]
    assert flag_value(flags, "--b", "9") == "2"
    assert flag_value(flags, "--c", "9") == flag_value([], "--c", "9") == "9"


def locked(flags):
    """Protocols that are locked by our flags, and the key."""
    (value,) = [flag.partition("=")[2] for flag in lockdown_flags(flags) if flag.startswith(GRPC)]
    protocols, _, key = value.partition(":")
    return protocols.split(","), key


def test_everything_that_diarization_does_not_need_is_locked():
    assert lockdown_flags([])[0] == "--model-control-mode=none"
    assert locked([])[0] == list(LOCKED)


def test_the_key_is_random():
    name, _, key = locked([])[1].partition("=")
    assert name == "diarization-key"
    assert len(key) == 64
    assert key not in str(locked([]))


@pytest.mark.parametrize("flag", [[f"{GRPC}=trace,inference:a=b"], [GRPC, "trace,inference:a=b"]])
def test_a_protocol_that_the_user_restricts_is_left_out(flag):
    assert locked(flag)[0] == ["shared-memory", "model-repository", "logging"]


def test_nothing_is_locked_twice():
    flags = [f"{GRPC}=shared-memory,trace:a=b", f"{GRPC}=model-repository,logging:c=d"]
    assert lockdown_flags(flags) == ["--model-control-mode=none"]


def test_another_control_mode_wins():
    for flags in (["--model-control-mode=explicit"], ["--model-control-mode", "poll"]):
        assert not [f for f in lockdown_flags(flags) if f.startswith("--model-control-mode")]


def test_another_repository_or_prefix_wins():
    assert repository_flags([], Path("models")) == ["--model-repository=models"]
    assert repository_flags(["--model-store", "x"], Path("models")) == []
    prefix = "--backend-config=python,shm-region-prefix-name="
    assert shared_memory_flags(["--backend-config=python,x=1"], "p_") == [f"{prefix}p_"]
    assert shared_memory_flags([f"{prefix}q_"], "p_") == []
    assert given_prefix([f"{prefix}q_"]) == "q_"
    assert given_prefix(["--backend-config=python,x=1"]) == ""


def test_the_proxy_sends_all_keys_of_the_user():
    flags = [f"{GRPC}=trace:a=b", f"{GRPC}=metadata,health:key=a=b"]
    assert grpc_headers(flags) == [
        ("triton-grpc-protocol-a", "b"),
        ("triton-grpc-protocol-key", "a=b"),
    ]
    assert grpc_headers([]) == []


def test_addresses_and_tls_are_the_proxys_and_not_tritons():
    flags = ["--grpc-address", "::1", "--log-verbose=1", "--grpc-use-ssl=true", "--http-address=h"]
    assert private_flags(flags, SOCKETS) == [
        "--log-verbose=1",
        "--allow-http=false",
        "--grpc-address=unix:/s/x_grpc",
        "--grpc-port=1",
        "--metrics-address=unix:/s/x_metrics",
    ]
    assert proxy_flags(flags, PORTS, SOCKETS, Path("/s/drain"), "run,sad") == [
        "--http=h:1",
        "--grpc=[::1]:2",
        "--metrics=127.0.0.1:3",
        "--triton=/s/x_grpc:1",
        "--triton-metrics=/s/x_metrics",
        "--drain-lock=/s/drain",
        "--client-models=run,sad",
        *flags,
    ]


def test_free_ports_are_different_and_can_be_bound():
    ports = Ports.free()
    numbers = [ports.http, ports.grpc, ports.metrics]
    assert len(set(numbers)) == 3
    for number in numbers:
        socket.create_server(("127.0.0.1", number)).close()


def test_free_ports_are_below_those_of_outgoing_connections():
    ports = Ports.free()
    assert max(ports.http, ports.grpc, ports.metrics) < 32_768


def test_the_default_ports_are_tritons():
    assert Ports().flags() == [
        "--http-port=8000",
        "--grpc-port=8001",
        "--metrics-port=8002",
    ]
