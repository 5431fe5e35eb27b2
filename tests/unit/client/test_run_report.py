import io
import sys
from pathlib import Path

import pytest

from console.progress import Progress
from console.run_report import RunReport, is_interactive, log, set_up_logging
from formats.result import Doubt
from inputs.recordings import Recording
from sending.outcome import Answer, Failure

TWO_SPEAKERS = b"".join(
    b"SPEAKER a 1 %d.000 1.000 <NA> <NA> SPEAKER_0%d <NA> <NA>\n" % (begin_s, begin_s % 2)
    for begin_s in range(4)
)
RECORDING = Recording("a", Path("a.wav"), 2)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_speakers_are_counted_in_the_rttm():
    assert Answer(RECORDING, TWO_SPEAKERS, {}, 1.0).n_speakers == 2
    assert Answer(RECORDING, b"", {}, 1.0).n_speakers == 0


@pytest.mark.parametrize(
    ("info", "audio_s"), [({"audio_s": 30}, 30.0), ({}, None), ({"audio_s": "long"}, None)]
)
def test_the_length_is_that_of_info(info, audio_s):
    assert Answer(RECORDING, b"", info, 1.0).audio_s == audio_s


@pytest.mark.parametrize(
    ("info", "doubt"),
    [
        ({"unlike_share": 0.071, "more_speakers_likely": True}, Doubt(0.071, True)),
        ({"unlike_share": 0, "more_speakers_likely": False}, Doubt(0, False)),
        ({"unlike_share": 0.5}, None),
        ({"more_speakers_likely": True}, None),
        ({"unlike_share": "much", "more_speakers_likely": True}, None),
        ({"unlike_share": float("nan"), "more_speakers_likely": True}, None),
        ({"unlike_share": 0.5, "more_speakers_likely": "yes"}, None),
    ],
)
def test_the_doubt_is_that_of_info_if_complete(info, doubt):
    assert Answer(RECORDING, b"", info, 1.0).doubt == doubt


def doubtful(share=0.071, likely=True, **info):
    reported = {"audio_s": 30.0, "unlike_share": share, "more_speakers_likely": likely, **info}
    return Answer(RECORDING, TWO_SPEAKERS, reported, 1.25)


@pytest.mark.parametrize(
    ("asked", "info", "end"),
    [
        ({}, {}, "; --min_speakers or --num_speakers asks for more"),
        ({"max_speakers": 3}, {}, "; --min_speakers or --num_speakers asks for more"),
        ({"max_speakers": 2}, {}, "; a greater --max_speakers allows more"),
        ({"num_speakers": 2}, {}, "; a greater --num_speakers asks for more"),
        ({}, {"channels": "separate", "n_channels": 2}, ""),
    ],
)
def test_likely_missing_speakers_are_a_warning_with_a_remedy(asked, info, end, capsys):
    set_up_logging(verbose=False)
    RunReport(1, parameters=asked).done(doubtful(**info))

    of = "the speech on one channel" if info else "the speech"
    assert capsys.readouterr().err.splitlines() == [
        "INFO: a: 30.0 s of audio, 2 speaker(s), took 1.2 s",
        f"WARNING: a: more speakers may be present than the 2 found: 7 % of {of} is like no "
        f"speaker found{end}",
    ]


@pytest.mark.parametrize("quiet", [False, True])
def test_without_doubt_and_with_quiet_there_is_no_warning(quiet, capsys):
    set_up_logging(verbose=False, quiet=quiet)
    RunReport(1).done(doubtful(0.3, likely=quiet))

    assert "more" not in capsys.readouterr().err


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


@pytest.fixture
def at_terminal(monkeypatch):
    """A function to be called by the test itself: pytest sets standard error before each."""

    def replace():
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        set_up_logging(verbose=False)
        return terminal

    return replace


def test_at_a_terminal_only_failures_have_lines_beside_the_bar(at_terminal):
    terminal = at_terminal()
    report = RunReport(2, progress=Progress({"a": 30.0, "b": 60.0}, jobs=1))
    report.sent("a", 3_000_000)
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.failed(Failure(Recording("b", Path("b.wav"), 3), "no"))
    report.close()

    shown = terminal.getvalue()
    assert "0:00:00 of 0:01:30 audio, 0/2 done, ~0:00:0" in shown
    assert " 33 % |" in shown
    assert "0:00:30 of 0:01:30 audio, 1/2 done, ~" in shown
    assert "took" not in shown
    assert "ERROR: b: line 3: no\n" in shown


def test_at_a_terminal_a_list_ends_with_a_table(at_terminal):
    terminal = at_terminal()
    times_s = iter([100.0, 110.0])
    progress = Progress({"a": 30.0, "b": None}, jobs=1)
    report = RunReport(3, 1, progress, clock=lambda: next(times_s))
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.failed(Failure(Recording("b", Path("b.wav")), "no"))
    report.close()

    assert terminal.getvalue().splitlines()[-5:] == [
        "recordings  1 done, 1 failed, 1 done by an earlier run",
        "audio       0:00:30",
        "speakers    2.0 per recording, 2 to 2",
        "time        0:00:10, 3.0 times as fast as real time",
        "ERROR: failed: b",
    ]


def test_beside_a_bar_doubt_has_a_line_too(at_terminal):
    terminal = at_terminal()
    report = RunReport(1, progress=Progress({"a": 30.0}, jobs=1))
    report.done(doubtful())
    report.close()

    assert "WARNING: a: more speakers may be present than the 2 found" in terminal.getvalue()


def test_results_made_again_are_counted_again(at_terminal):
    terminal = at_terminal()
    report = RunReport(2, 1, Progress({"b": 60.0}, jobs=1))
    report.done(Answer(Recording("b", Path("b.wav")), TWO_SPEAKERS, {"audio_s": 60.0}, 1.25))
    report.again([RECORDING])
    report.sent("a", 3_000_000)
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.close()

    shown = terminal.getvalue()
    assert "WARNING: 1 result(s) made again, since the service has other networks now\n" in shown
    assert "1/2 done" in shown
    assert "recordings  2 done, 0 failed\n" in shown
    assert "audio       0:01:30\n" in shown


def test_the_summary_has_the_names_that_speakers_have_in_the_end(at_terminal):
    terminal = at_terminal()
    report = RunReport(1, progress=Progress({"a": 30.0}, jobs=1))
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    linked = TWO_SPEAKERS.replace(b"SPEAKER_01", b"Ana")
    report.renamed(Answer(RECORDING, linked, {}, 0.0))
    report.renamed(Answer(Recording("of an earlier run", Path("b.wav")), linked, {}, 0.0))
    report.close()

    head, *speakers = terminal.getvalue().splitlines()[-3:]
    assert head.endswith("took 1.2 s")
    assert [line.split()[0] for line in speakers] == ["SPEAKER_00", "Ana"]


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(variables, coloured, at_terminal, monkeypatch):
    terminal = at_terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    report = RunReport(1, progress=Progress({"a": 30.0}, jobs=1))
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.close()

    assert ("\x1b[36m" in terminal.getvalue()) == coloured


def test_quiet_logs_errors_only(capsys):
    set_up_logging(verbose=False, quiet=True)
    report = RunReport(2)
    report.done(Answer(RECORDING, TWO_SPEAKERS, {"audio_s": 30.0}, 1.25))
    report.failed(Failure(Recording("b", Path("b.wav"), 3), "no"))
    log.warning("files of other runs stay")
    report.close()

    assert capsys.readouterr().err.splitlines() == ["ERROR: b: line 3: no", "ERROR: failed: b"]


@pytest.mark.parametrize(("quiet", "expected"), [(False, True), (True, False)])
def test_the_bar_is_for_terminals_without_quiet(quiet, expected, at_terminal):
    at_terminal()

    assert is_interactive(quiet) == expected


def test_a_bar_is_not_for_files(capsys):
    assert not is_interactive(quiet=False)


def test_verbose_logs_the_timings_of_the_service(capsys):
    set_up_logging(verbose=True)
    RunReport(1).done(Answer(RECORDING, b"", {"stage_s": {"sad": 0.1}}, 1.0))

    assert "'stage_s': {'sad': 0.1}" in capsys.readouterr().err


def test_setting_up_twice_logs_once(capsys):
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
def test_results_of_an_earlier_run_are_counted_separately(interrupted, sentence, capsys):
    set_up_logging(verbose=False)
    report = RunReport(6, n_earlier=3)
    report.done(Answer(RECORDING, b"", {}, 1.0))
    report.failed(Failure(Recording("b", Path("b.wav")), "no"))
    report.close(interrupted)

    assert sentence in capsys.readouterr().err.splitlines()


def test_log_lines_are_escaped(capsys):
    set_up_logging(verbose=False)
    recording = Recording("b", Path("talk\u202egpj.wav\x1b[2J\n"))

    RunReport(1).failed(Failure(recording, f"cannot read {recording.path}"))

    assert capsys.readouterr().err == "ERROR: b: cannot read talk\\u202egpj.wav\\x1b[2J\\n\n"
