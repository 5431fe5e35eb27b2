"""What is added to the flags of `tritonserver`, and what is left to the caller."""

from pathlib import Path

import pytest

from server_flags import (
    CLOSED,
    closing_flags,
    flag_value,
    flag_values,
    given_prefix,
    health_headers,
    repository_flags,
    shared_memory_flags,
)

GRPC, HTTP = "--grpc-restricted-protocol", "--http-restricted-api"


def test_values_are_found_in_both_spellings_and_in_order():
    flags = ["--a=1", "--b", "2", "--a", "3", "--ab=4", "--a"]
    assert flag_values(flags, "--a") == ["1", "3", ""]
    assert flag_value(flags, "--b", "9") == "2"
    assert flag_value(flags, "--c", "9") == flag_value([], "--c", "9") == "9"


def closed(flags):
    """Protocols that are closed by our flags: {flag: (protocols, key)}."""
    pairs = [flag.partition("=")[::2] for flag in closing_flags(flags)]
    groups = {name: value.partition(":")[::2] for name, value in pairs if name in (GRPC, HTTP)}
    return {name: (protocols.split(","), key) for name, (protocols, key) in groups.items()}


def test_everything_that_diarization_does_not_need_is_closed():
    assert closing_flags([])[0] == "--model-control-mode=none"
    assert {name: protocols for name, (protocols, _) in closed([]).items()} == {
        GRPC: list(CLOSED),
        HTTP: list(CLOSED),
    }


def test_nobody_knows_the_key_and_it_is_another_every_time():
    name, _, key = closed([])[GRPC][1].partition("=")
    assert name == "diarization-key"
    assert len(key) == 64
    assert key not in str(closed([]))


@pytest.mark.parametrize("flag", [[f"{GRPC}=trace,inference:a=b"], [GRPC, "trace,inference:a=b"]])
def test_a_protocol_that_the_caller_restricts_is_theirs_alone(flag):
    groups = closed(flag)
    assert groups[GRPC][0] == ["shared-memory", "model-repository", "logging"]
    assert groups[HTTP][0] == list(CLOSED)


def test_nothing_is_closed_twice():
    flags = [f"{HTTP}=shared-memory,trace:a=b", f"{HTTP}=model-repository,logging:c=d"]
    assert set(closed(flags)) == {GRPC}


def test_another_control_mode_wins():
    for flags in (["--model-control-mode=explicit"], ["--model-control-mode", "poll"]):
        assert not [f for f in closing_flags(flags) if f.startswith("--model-control-mode")]


def test_another_repository_or_prefix_wins():
    assert repository_flags([], Path("models")) == ["--model-repository=models"]
    assert repository_flags(["--model-store", "x"], Path("models")) == []
    prefix = "--backend-config=python,shm-region-prefix-name="
    assert shared_memory_flags(["--backend-config=python,x=1"], "p_") == [f"{prefix}p_"]
    assert shared_memory_flags([f"{prefix}q_"], "p_") == []
    assert given_prefix([f"{prefix}q_"]) == "q_"
    assert given_prefix(["--backend-config=python,x=1"]) == ""


def test_readiness_is_asked_with_the_key_if_it_takes_one():
    assert health_headers([f"{HTTP}=trace:a=b", f"{HTTP}=metadata,health:key=a=b"]) == {
        "key": "a=b"
    }
    assert health_headers([]) == {}
