import io
import sys
from pathlib import Path

import pytest

from outcome import Answer, Failure
from run_report import RunReport, log, set_up_logging
from wav_scp import Recording

TWO_SPEAKERS = b"".join(
    b"SPEAKER a 1 %d.000 1.000 <NA> <NA> SPEAKER_0%d <NA> <NA>\n" % (begin_s, begin_s % 2)
    for begin_s in range(4)
)
RECORDING = Recording("a", Path("a.wav"), 2)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_speakers_are_counted_in_the_rttm():
    assert Answer(RECORDING, TWO_SPEAKERS, {}, 1.0).n_speakers == 2
    assert Answer(RECORDING, b"", {}, 1.0).n_speakers == 0


@pytest.mark.parametrize(
    ("info", "audio_s"), [({"audio_s": 30}, 30.0), ({}, None), ({"audio_s": "long"}, None)]
)
def test_the_audio_is_as_long_as_the_service_told(info, audio_s):
    assert Answer(RECORDING, b"", info, 1.0).audio_s == audio_s


def test_without_a_terminal_there_are_plain_lines_and_no_bar(capsys):
    set_up_logging(verbose=False)
    report = RunReport(2)
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.failed(Failure(Recording("b", Path("b.wav"), 3), "no"))
    report.close()

    assert capsys.readouterr().err.splitlines() == [
        "INFO: a: 30.0 s of audio, 2 speaker(s), took 1.2 s",
        "ERROR: b: line 3: no",
        "INFO: 1 done, 1 failed",
        "ERROR: failed: b",
    ]


def test_on_a_terminal_there_is_a_bar_and_only_failures_have_lines(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    set_up_logging(verbose=False)
    report = RunReport(2)
    report.done(Answer(RECORDING, TWO_SPEAKERS, {}, 1.25))
    report.failed(Failure(Recording("b", Path("b.wav"), 3), "no"))
    report.close()

    shown = terminal.getvalue()
    assert "2/2" in shown
    assert "took" not in shown
    assert "ERROR: b: line 3: no\n" in shown


def test_verbose_tells_the_services_own_timings(capsys):
    set_up_logging(verbose=True)
    RunReport(1).done(Answer(RECORDING, b"", {"stage_s": {"sad": 0.1}}, 1.0))

    assert "'stage_s': {'sad': 0.1}" in capsys.readouterr().err


def test_setting_up_twice_does_not_tell_twice(capsys):
    set_up_logging(verbose=False)
    set_up_logging(verbose=False)
    log.info("once")

    assert capsys.readouterr().err == "INFO: once\n"


@pytest.mark.parametrize(
    ("interrupted", "sentence"),
    [
        (False, "INFO: 1 done, 1 failed, 3 done by an earlier run"),
        (True, "ERROR: interrupted: 1 done, 1 failed, 3 done by an earlier run, 1 left"),
    ],
)
def test_what_an_earlier_run_has_done_is_counted_apart(interrupted, sentence, capsys):
    set_up_logging(verbose=False)
    report = RunReport(6, n_earlier=3)
    report.done(Answer(RECORDING, b"", {}, 1.0))
    report.failed(Failure(Recording("b", Path("b.wav")), "no"))
    report.close(interrupted)

    assert sentence in capsys.readouterr().err.splitlines()
