"""Where a server's output goes."""

import subprocess
import sys
from pathlib import Path

import pytest

from server import server_output
from server.server_log import start_failure
from server.server_output import Relay, ServerError, lines_of, opened, output_of


def write(output, *lines):
    """Let a process write lines to an output, as a server does."""
    say(output, f"print({chr(10).join(lines)!r})")


def say(output, program):
    with opened(output) as sink:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=sink)
    assert process.wait() == 0


def test_a_minus_is_standard_output_and_anything_else_a_file(tmp_path):
    assert isinstance(output_of(Path("-")), Relay)
    assert output_of(tmp_path / "-") == tmp_path / "-"


def test_a_file_keeps_the_run_before_beside_it(tmp_path):
    log = tmp_path / "new" / "log"
    write(log, "first")
    write(log, "second")
    assert lines_of(log) == ["second"]
    assert lines_of(log.with_name("log.1")) == ["first"]


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    unusable = {
        tmp_path / "file" / "log": "Not a directory",
        tmp_path / "file" / "deeper" / "log": "Not a directory",
        tmp_path: "Is a directory",
        tmp_path / ("x" * 300): "File name too long",
        Path("/proc/self/log"): "No such file or directory",  # not even root may
    }
    for log, reason in unusable.items():
        with pytest.raises(ServerError) as caught, opened(log):
            pass
        assert str(caught.value) == f"cannot write the log {log}: {reason}"


def test_a_relay_passes_all_on_and_knows_the_run_of_now(capfdbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    relay = Relay()
    write(relay, "first", "run")
    write(relay, "second")
    assert lines_of(relay) == ["second"]
    assert capfdbinary.readouterr().out == b"first\nrun\nsecond\n"


def test_a_relay_keeps_only_the_last_lines(monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    monkeypatch.setattr(server_output, "KEPT_LINES", 2)
    relay = Relay()
    write(relay, "1", "2", "3")
    assert lines_of(relay) == ["2", "3"]


def test_a_relay_reads_on_when_nobody_listens(monkeypatch):
    class Deaf:
        """Standard output whose reader is gone."""

        @property
        def buffer(self):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Deaf())
    relay = Relay()
    say(relay, "print(*range(50_000), sep=chr(10))")  # more than a pipe holds
    assert lines_of(relay)[-1] == "49999"


def test_the_model_at_fault_is_named_without_showing_the_log_again(monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    relay = Relay()
    write(relay, "I1122 begins", "E1122 failed to load 'sad' version 1: Internal: no file")
    assert str(start_failure(relay, "it ended")).splitlines() == [
        "model 'sad' does not load: no file",
        "it ended",
    ]
