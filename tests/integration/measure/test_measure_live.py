"""measure_live.py against a server that is strict about the contracts of `run` and `stream`."""

import json
import re
import sys

import numpy as np
import pytest
import soundfile
from tritonclient.grpc import service_pb2

from integration.client_fake_live import FakeLive
from integration.client_fake_server import RefusalError
from measure import measure_live
from measure.benchmarking.audio import SAMPLE
from measure.kit.report import marks
from measure.live_measuring import long
from unit.evaluation_cases import rttm

HZ = 16_000
LENGTHS_S = {"a": 2, "b": 4}


class FakeBoth(FakeLive):
    """The models `stream`, which finds one speaker all the time, and `run`."""

    def __init__(self, triton):
        super().__init__()
        self._triton = triton

    def ModelReady(self, request, context):  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=request.name in ("run", "stream"))

    def ModelInfer(self, request, context):  # noqa: N802
        model = self._triton if request.model_name == "run" else super()
        return model.ModelInfer(request, context)


@pytest.fixture
def live(triton):
    triton.reply = answer
    with FakeBoth(triton) as server:
        yield server


def answer(call):
    """As `stream` answers for a, and otherwise for b."""
    assert call.parameters == {"mode": "full"}
    return rttm(call.recording_id, (0, 2, "SPEAKER_00"))


@pytest.fixture
def root(tmp_path):
    """A set of two talks; in a somebody talks all the time, in b during the first half."""
    folder = tmp_path / "sets" / "calls"
    folder.mkdir(parents=True)
    for name, length_s in LENGTHS_S.items():
        soundfile.write(folder / f"{name}.flac", np.zeros(length_s * HZ, np.int16), HZ)
        (folder / f"{name}.rttm").write_text(rttm(name, (0, 2, "x")))
    return folder.parent


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page of the project, with its marks."""
    page = tmp_path / "docs" / "live.md"
    page.parent.mkdir()
    empty = ["".join(marks(f"measured {part}")) for part in ("accuracy", "load", "long", "peer")]
    page.write_text("first\n{}between\n{}{}after\n{}last\n".format(*empty))
    monkeypatch.setattr(measure_live, "PAGE", page)
    return page


@pytest.fixture
def run(live, tmp_path):
    def run(*arguments):
        common = ["--url", live.url, "--output", str(tmp_path / "out")]
        return measure_live.main([*common, *map(str, arguments)])

    return run


def parts(page):
    """What is between, before and after the marks."""
    return re.split(r"<!-- .* -->\n", page.read_text())


@pytest.fixture
def peer(tmp_path):
    """A program that reports two speakers that turn out to be one at 1 s, and one at 5 s."""
    events = [
        turn("1", 0, "A", 0, 1), turn("1", 1, "B", 1, 2), progress("1"),
        turn("5", 0, "A", 0, 2), progress("5"),
        {"type": "relabel", "from": "B", "to": "A", "until_s": 2, "latency_s": "1"},
        {"type": "result", "rttm": rttm("x", (0, 2, "A")), "info": {"update_s": [0.25, 1.5]}},
    ]  # fmt: skip
    file = tmp_path / "events"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))

    def peer(command="cat {events} > {{output}}"):
        return ["--peer", f"other=test -s {{audio}} && {command.format(events=file)}"]

    return peer


def progress(latency_s):
    return {"type": "progress", "reported_s": 2, "latency_s": latency_s}


def turn(latency_s, number, speaker, start_s, end_s):
    return {"type": "turn", "id": number, "speaker": speaker, "start_s": start_s, "end_s": end_s,
            "latency_s": latency_s}  # fmt: skip


def rows(text, name):
    """Cells of the rows that begin with this."""
    lines = re.findall(rf"^\| {re.escape(name)} +\|(.*)\|$", text, re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def test_every_recording_is_streamed_at_every_latency_and_scored(run, live, root, capsys):
    assert run("--root", root, "--latency", "1", "5") == 0

    at_1, at_5 = rows(capsys.readouterr().out, "calls")
    assert at_1[:3] == ["1", "2", "0.1"]
    # md-eval does not score b after its last true turn.
    assert at_1[3:9] == ["0.00"] * 6
    assert at_1[9:] == ["–", "1.0 / 1.0 / 1.0", "1 of 2"]
    assert at_5 == ["5", *at_1[1:]]
    started = [session.start for session in live.sessions.values()]
    assert sorted((each["recording_id"], each["latency_s"]) for each in started) == [
        ("a", "1"), ("a", "5"), ("b", "1"), ("b", "5"),
    ]  # fmt: skip
    assert set(live.pieces) == {0, HZ // 2}


def test_pieces_have_the_length_that_is_asked_for(run, live, root):
    run("--root", root, "--latency", "1", "--piece", "0.25")

    assert set(live.pieces) == {0, HZ // 4}


def test_files_hold_figures_tables_and_picture(run, root, tmp_path, capsys):
    run("--root", root, "--latency", "2", "--limit", "1")

    out = tmp_path / "out"
    report = json.loads((out / "live.json").read_text())
    assert report["sets"][0]["n_recordings"] == 1
    assert {"date", "git", "machine", "load"} <= set(report)
    assert (out / "live.md").read_text() == capsys.readouterr().out[:-1]
    assert (out / "live-latency.png").read_bytes().startswith(b"\x89PNG")


def test_many_sessions_speak_at_once_each_for_its_seconds(run, live, wav, capsys):
    speech = wav("speech.wav", HZ // 10)

    assert run("--sessions", 1, 3, "--step", 0.1, "--seconds", 0.25, "--audio", speech) == 0

    assert [row[0] for row in rows(capsys.readouterr().out, "0.1")] == ["1", "3"]
    assert [len(session.audio) for session in live.sessions.values()] == [HZ // 4] * 4


def test_docs_get_what_was_measured_and_keep_the_rest(run, root, page, wav):
    load = ["--sessions", 1, "--step", 0.1, "--seconds", 0.1, "--audio", wav("speech.wav")]

    assert run("--docs", "--root", root, "--latency", "2") == 0
    assert run("--docs", *load) == 0

    first, accuracy, between, loaded, *rest = parts(page)
    assert (first, between, rest) == ("first\n", "between\n", ["", "", "after\n", "", "last\n"])
    assert len(rows(accuracy, "calls")) == 1
    assert len(rows(loaded, "0.1")) == 1
    assert "cores" in accuracy
    assert "cores" in loaded
    assert (page.parent / "live-latency.png").exists()
    assert str(root) not in page.read_text()


def test_a_long_session_is_reported_hour_by_hour(run, live, wav, page, monkeypatch):
    monkeypatch.setattr(long, "HOUR_S", 1)
    monkeypatch.setattr(long, "live_bytes", lambda: 0)  # this process has servers of other tests
    speech = [wav(f"{n}.wav", HZ // 4) for n in range(2)]

    assert run("--docs", "--long", 2 / 3600, "--audio", *speech) == 0

    *_, measured, _, _, _ = parts(page)
    hours = [rows(measured, hour)[0] for hour in "12"]
    assert [(hour[0], *hour[-3:]) for hour in hours] == [("0", "–", "0", "1")] * 2
    assert "is that of `run`" in " ".join(measured.split())
    assert live.pieces == [HZ // 2] * 4 + [0]


def test_recordings_of_different_rates_are_not_joined(run, wav, capsys):
    files = [wav("a.wav"), wav("b.wav", rate_hz=8_000)]

    assert run("--long", 1, "--audio", *files) == 2
    assert "b.wav: got 8000 Hz, expected 16000 as before" in capsys.readouterr().err


def test_another_program_is_scored_by_the_events_of_each_latency(run, live, root, page, peer):
    assert run("--docs", "--root", root, "--latency", "1", "5", *peer()) == 0

    *before, heard, _ = parts(page)
    at_1, at_5 = rows(heard, "calls")
    # B has half of the speech until the relabel.
    assert at_1[3:9] == ["50.00", "0.00", "0.00", "50.00", "0.00", "0.00"]
    assert at_5[3:9] == ["0.00"] * 6
    assert at_1[9:] == ["–", "1.0 / 1.0 / 1.0", "0.88 / 1.50"]
    assert "peer=other: test -s {audio}" in heard
    assert before == ["first\n", "", "between\n", "", "", "", "after\n"]
    assert not (page.parent / "live-latency.png").exists()
    assert live.pieces == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "other, a: ended with status 1"),
        ("true", "other, a: expected events as lines of JSON in {output}, a result as the last, "
         "got nothing"),
        ("echo never > {{output}}", "got never"),
        ("head -1 {events} > {{output}}", 'got {"type": "turn"'),
        ("cat {events} > {{output}}",
         "a: the peer reported nothing at a latency of 2 s, only at 1, 5"),
    ],
)  # fmt: skip
def test_a_program_without_usable_events_ends_the_run(run, root, peer, command, words, capsys):
    assert run("--root", root, "--latency", "2", *peer(command)) == 1
    assert words in capsys.readouterr().err


def test_a_refused_session_ends_the_run_with_a_sentence(run, live, root, capsys):
    def refuse(_):
        raise RefusalError("no such latency")

    live.before = refuse

    assert run("--root", root, "--jobs", "1") == 1
    assert "ERROR: a: no such latency" in capsys.readouterr().err


def test_a_recording_that_run_refuses_ends_the_run(run, triton, root, capsys):
    triton.reply = lambda _: {"INFO": "{}"}

    assert run("--root", root, "--jobs", "1") == 1
    assert "a: the recording has no result of `run`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "absent"], "there is no folder absent"),
        (["--sessions", "1", "--audio", "absent.wav"], "cannot read absent.wav"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_sent(
    run, live, arguments, words, capsys
):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err
    assert live.pieces == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected at least one of --root, --sessions, --long"),
        (["--root", "x", "--latency", "3"], "invalid choice: '3'"),
        (["--sessions", "0"], "at least 1"),
        (["--long", "0"], "above 0"),
        (["--peer", "x=run {audio}"], "expected at least one of --root"),
        (
            ["--peer", "x=run {audio}", "--root", "x", "--long", "1"],
            "--peer: expected --root, with",
        ),
        (["--peer", "x=run {audio}", "--sessions", "1"], "--peer: expected --root, without"),
        (["--peer", "x=run", "--root", "x"], "expected {audio} in the command"),
    ],
)
def test_wrong_usage_is_reported(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        measure_live.main(arguments)

    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_help_names_no_path_of_this_machine(capsys):
    with pytest.raises(SystemExit) as ended:
        measure_live.main(["--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "--sessions" in text
    assert sys.prefix not in text
    assert str(SAMPLE) not in text
