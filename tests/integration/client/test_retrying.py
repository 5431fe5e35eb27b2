"""The client when the server goes away and comes back, is full, or loses a model's process."""

import collections
import contextlib
import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

import client
from integration.client_fake_server import RefusalError, files_in, one_turn
from integration.tcp_relay import Relay
from sending.in_flight import Backoff

AT_ONCE = Backoff(first_s=0.01, max_s=0.05)
FULL = RefusalError("Exceeds maximum queue size", grpc.StatusCode.UNAVAILABLE)
STUB_DIED = RefusalError("Stub process 'run_0_0' is not healthy.", grpc.StatusCode.INTERNAL)
HOP_DIED = RefusalError("model 'sad' failed", grpc.StatusCode.UNAVAILABLE)
RESTRICTED = RefusalError(
    "This protocol is restricted, expecting header 'triton-grpc-protocol-key'",
    grpc.StatusCode.UNAVAILABLE,
)


class Failing:
    """A reply that fails with the errors of each recording in turn, and then answers."""

    def __init__(self, errors):
        self._errors = {name: list(several) for name, several in errors.items()}

    def __call__(self, call):
        left = self._errors.get(call.recording_id)
        if left:
            raise left.pop(0)
        return one_turn(call)


def run(url, *args):
    return client.main(["--url", url, *map(str, args)], backoff=AT_ONCE)


def expected_files(ids):
    turns = {name: f"SPEAKER {name} 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n" for name in ids}
    return {"rttm": "".join(turns.values())} | {f"rttm_{name}": turns[name] for name in ids}


def test_fifty_recordings_survive_an_outage_and_rejections(triton, wav_scp, tmp_path, capfd):
    ids = [f"r{number:02}" for number in range(50)]
    troubles = {"r03": [FULL] * 2, "r20": [STUB_DIED], "r21": [HOP_DIED], "r30": [FULL] * 3}
    failing, numbers = Failing(troubles), itertools.count(1)
    with Relay(triton.url) as relay:

        def reply(call):
            if next(numbers) in (12, 40):
                relay.cut(n_to_refuse=2)
            return failing(call)

        triton.reply = reply
        code = run(
            relay.url, "--wavscp", wav_scp(*ids), "--output_directory", tmp_path / "out", "--jobs=8"
        )

    err = capfd.readouterr().err
    sent = collections.Counter(triton.ids)
    assert code == 0
    assert relay.n_refused == 4
    assert files_in(tmp_path / "out") == expected_files(ids)
    assert set(sent) == set(ids)
    assert all(sent[name] > len(troubles[name]) for name in troubles)
    assert all(err.count(f"INFO: {name}: ") == 1 for name in ids)
    assert "50 done, 0 failed" in err
    assert err.count("\n") <= len(ids) + 2 * (2 + len(troubles)) + 1


def test_a_broken_connection_is_logged_once_and_the_recording_sent_again(
    triton, wav_scp, tmp_path, capfd
):
    with Relay(triton.url) as relay:

        def reply(call):
            if len(triton.calls) == 1:
                relay.cut(n_to_refuse=1)
            return one_turn(call)

        triton.reply = reply
        code = run(relay.url, "--wavscp", wav_scp("a"), "--output_directory", tmp_path / "out")

    err = capfd.readouterr().err
    assert code == 0
    assert triton.ids == ["a", "a"]
    assert files_in(tmp_path / "out") == expected_files(["a"])
    assert err.count("WARNING") == 1
    assert "a: the connection broke" in err
    assert "such failures are sent again for 120 s (--retry_for)" in err
    assert "1 recording(s) were sent again and answered" in err


@pytest.mark.parametrize(
    "error",
    [
        RefusalError("bad", grpc.StatusCode.INVALID_ARGUMENT),
        RefusalError("out of range", grpc.StatusCode.INTERNAL),
        RESTRICTED,
    ],
)
def test_errors_that_are_not_transient_are_final(error, triton, wav_scp):
    triton.reply = Failing({"a": [error]})

    code = run(triton.url, "--wavscp", wav_scp("a", "b"))

    assert code == 1
    assert sorted(triton.ids) == ["a", "b"]


def test_without_a_retry_period_nothing_is_sent_again(triton, wav_scp, capfd):
    triton.reply = Failing({"a": [FULL]})

    code = run(triton.url, "--wavscp", wav_scp("a"), "--retry_for=0")

    err = capfd.readouterr().err
    assert code == 1
    assert triton.ids == ["a"]
    assert "a: line 1: Exceeds maximum queue size\n" in err
    assert "retry_for" not in err


def test_a_recording_fails_at_the_end_of_its_retry_period(triton, wav_scp, tmp_path, capfd):
    triton.reply = Failing({"a": [FULL] * 1000})

    code = run(
        triton.url, "--wavscp", wav_scp("a", "b"), "--retry_for=0.3",
        "--output_directory", tmp_path / "out",
    )  # fmt: skip

    n_sent = triton.ids.count("a")
    assert code == 1
    assert n_sent > 2
    assert files_in(tmp_path / "out") == expected_files(["b"])
    assert (
        f"a: line 1: Exceeds maximum queue size; sent {n_sent} times within 0.3 s (--retry_for)"
        in capfd.readouterr().err
    )


def test_a_recording_waiting_for_its_retry_does_not_delay_others(triton, wav_scp):
    def reply(call):
        if call.recording_id == "a" and not {"b", "c", "d"} <= set(triton.ids):
            raise FULL
        return one_turn(call)

    triton.reply = reply

    code = run(triton.url, "--wavscp", wav_scp("a", "b", "c", "d"), "--jobs=2")

    assert code == 0


def test_ctrl_c_ends_the_wait_at_once(triton, wav_scp):
    refused = threading.Event()

    def reply(call):
        refused.set()
        raise FULL

    triton.reply = reply
    command = [sys.executable, "client.py", "--url", triton.url, "--wavscp", wav_scp("a", "b")]
    with contextlib.ExitStack() as at_the_end:
        process = subprocess.Popen(
            [*command, "-v", "--retry_for=10000"],
            cwd=Path(client.__file__).parent,
            stderr=subprocess.PIPE,
            text=True,
        )
        at_the_end.enter_context(process)
        at_the_end.callback(process.kill)
        assert refused.wait(timeout=60)
        while "sent again in" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted: 0 done, 0 failed, 2 left" in err
    assert "Traceback" not in err
