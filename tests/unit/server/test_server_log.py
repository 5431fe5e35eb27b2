"""Where a server's output is written, and what it says about a start that failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from server import server_log
from server.server_log import (
    Relay,
    ServerError,
    explanation,
    failure,
    lines_of,
    opened,
    output_of,
    start_failure,
)

LOADED = (
    "E1125 18:10:15.289143 10032 model_lifecycle.cc:642] \"failed to load '{model}' version 1: "
)
WHERE = '\\n\\nAt:\\n  /srv/model_repo/sad/1/model.py(27): initialize\\n"'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            LOADED.format(model="sad")
            + "Internal: TritonModelException: model 'sad': silero_vad.jit is missing; run a"
            + WHERE,
            "model 'sad' does not load: silero_vad.jit is missing; run a",
        ),
        (
            LOADED.format(model="run") + "Internal: ConfigError: sad: got 7.0" + WHERE,
            "model 'run' does not load: sad: got 7.0; correct the parameters in its config.pbtxt",
        ),
        (
            LOADED.format(model="run") + 'Invalid argument: instance group has no count"',
            "model 'run' does not load: instance group has no count",
        ),
        (
            "E1125 18:13:34.693906 15365 model_repository_manager.cc:724] "
            "\"failed to load model 'sad': at least one version must be available\"",
            "model 'sad' does not load: at least one version must be available",
        ),
        (
            "E1125 18:12:22.864784 14263 model_repository_manager.cc:1460] "
            "\"Poll failed for model directory 'run': failed to read text proto from x\"",
            "model 'run' has no proper configuration: failed to read text proto from x; correct it",
        ),
        (
            "/opt/bin/tritonserver: unrecognized option '--no-such-flag'",
            "unrecognized option '--no-such-flag'; see ./scripts/serve.sh --help, "
            "tritonserver --help",
        ),
        (
            "I1125 18:12:22.864784 14263 server.cc:305] \"failed to load 'sad' version 1: a: b\"",
            None,
        ),
        ('E1125 18:04:10.399915 3820 server.cc:241] "CudaDriverHelper is missing"', None),
    ],
)
def test_a_line_of_the_log_becomes_a_sentence(line, sentence):
    assert explanation(line) == sentence


def test_the_sentence_comes_first_and_once_and_the_log_follows(tmp_path):
    log = tmp_path / "log"
    line = LOADED.format(model="sad") + "Internal: no file" + WHERE
    log.write_text(f"I1122 begins\n{line}\n{line}\nI1122 ends\n")
    error = start_failure(log, "it ended with status 1")
    first, second, *rest = str(error).splitlines()
    assert first == error.headline == "model 'sad' does not load: no file"
    assert second == "it ended with status 1"
    assert rest[0] == line
    assert rest[-1] == "I1122 ends"


def test_without_a_log_there_is_still_a_reason(tmp_path):
    assert failure(tmp_path / "none", "it ended").headline == "it ended"


def test_a_configuration_that_cannot_be_read_is_reported(tmp_path):
    log = tmp_path / "log"
    where = "[libprotobuf ERROR x.cc:337] Error parsing text-format: 21:11: no field named 'a'"
    log.write_text(f"{where}\n" + "I1122 goes on\n" * 99)
    assert str(failure(log, "it ended")).splitlines()[1] == where


def write(output, *lines):
    """Let a process write lines to an output, as a server does."""
    run_with(output, f"print({chr(10).join(lines)!r})")


def run_with(output, program):
    with opened(output) as sink:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=sink)
    assert process.wait() == 0


def test_a_minus_is_standard_output_and_anything_else_is_a_file(tmp_path):
    assert isinstance(output_of(Path("-")), Relay)
    assert output_of(tmp_path / "-") == tmp_path / "-"


def test_the_log_of_the_previous_run_is_kept(tmp_path):
    log = tmp_path / "new" / "log"
    write(log, "first")
    write(log, "second")
    assert lines_of(log) == ["second"]
    assert lines_of(log.with_name("log.1")) == ["first"]


def test_a_log_that_cannot_be_written_is_reported_in_one_sentence(tmp_path):
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


def test_a_relay_copies_everything_and_keeps_the_current_run(capfdbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    relay = Relay()
    write(relay, "first", "run")
    write(relay, "second")
    assert lines_of(relay) == ["second"]
    assert capfdbinary.readouterr().out == b"first\nrun\nsecond\n"


def test_a_relay_keeps_only_the_last_lines(monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    monkeypatch.setattr(server_log, "KEPT_LINES", 2)
    relay = Relay()
    write(relay, "1", "2", "3")
    assert lines_of(relay) == ["2", "3"]


def test_a_relay_keeps_reading_when_its_reader_is_gone(monkeypatch):
    class Broken:
        """Standard output whose reader is gone."""

        @property
        def buffer(self):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())
    relay = Relay()
    run_with(relay, "print(*range(50_000), sep=chr(10))")  # more than a pipe holds
    assert lines_of(relay)[-1] == "49999"


def test_the_model_at_fault_is_named_without_showing_the_log_again(monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    relay = Relay()
    write(relay, "I1122 begins", "E1122 failed to load 'sad' version 1: Internal: no file")
    assert str(start_failure(relay, "it ended")).splitlines() == [
        "model 'sad' does not load: no file",
        "it ended",
    ]
