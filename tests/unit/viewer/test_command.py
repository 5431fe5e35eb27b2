"""client/report.py as it is called: files, sentences, exit codes."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import report
from report_cases import rttm


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "my talk.wav", np.zeros(160_000), 16_000)
    return tmp_path / "my talk.wav"


@pytest.fixture
def written(tmp_path):
    """A function that writes a file of this text."""

    def write(text, name="turns.rttm"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def view_in(path):
    return json.loads(re.search(r'id="document">(.*?)</script>', path.read_text())[1])


def speakers(view):
    return [turn["speaker"] for turn in view["turns"]]


def test_a_page_is_written_beside_the_rttm(talk, written, tmp_path, capfd):
    code = report.main([str(talk), str(written(rttm("other", (1, 2, "x"))))])

    assert code == 0
    assert capfd.readouterr().out == f"{tmp_path / 'other.html'}\n"
    view = view_in(tmp_path / "other.html")
    assert (view["recording_id"], view["audio_s"], speakers(view)) == ("other", 10, ["x"])
    assert "errors" not in view
    assert not list(tmp_path.glob(".part-*"))


def test_of_several_recordings_that_of_the_audio_file_is_taken(talk, written, tmp_path):
    lines = written(rttm("a", (1, 2, "x")) + rttm("my_talk", (1, 2, "y")))
    reference = written(rttm("a", (1, 2, "z")) + rttm("my_talk", (1, 3, "w")), "ref.rttm")
    out = tmp_path / "out.html"

    code = report.main([str(talk), str(lines), "--reference", str(reference), "--output", str(out)])

    assert code == 0
    view = view_in(out)
    assert speakers(view) == ["y"]
    assert view["match"] == {"y": "w"}


def test_lines_of_other_tools_are_read(talk, written, tmp_path):
    text = "SPKR-INFO a 1 <NA> <NA> <NA> unknown x <NA> <NA>\n" + rttm("a", (1, 2, "x"))
    text = text.replace("SPEAKER a 1", "speaker a A")

    assert report.main([str(talk), str(written(text))]) == 0
    assert speakers(view_in(tmp_path / "a.html")) == ["x"]


def test_rttm_may_be_empty(talk, written, tmp_path):
    assert report.main([str(talk), str(written(""))]) == 0
    assert view_in(tmp_path / "my_talk.html")["turns"] == []


def test_a_turn_that_ends_a_little_late_is_cut(talk, written, tmp_path):
    assert report.main([str(talk), str(written(rttm("a", (9, 10.9, "x"))))]) == 0
    assert view_in(tmp_path / "a.html")["turns"][0]["end_s"] == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rttm("a", (1, 2, "x")) + rttm("b", (1, 2, "y")), "holds 2 recordings (a, b"),
        (
            rttm("a", (9, 12, "x")),
            "has a turn up to 12.000 s, expected none beyond the recording's",
        ),
        ("who knows\n", "line 1: expected RTTM, got 'who knows'"),
    ],
)
def test_rttm_that_does_not_fit_is_refused_in_a_sentence(
    text, words, talk, written, tmp_path, capfd
):
    assert report.main([str(talk), str(written(text))]) == 2

    error = capfd.readouterr().err
    assert error.startswith("ERROR: ")
    assert words in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["{none}", "{rttm}"], "cannot read {none}: No such file"),
        (["{talk}", "{none}"], "cannot read RTTM {none}: No such file"),
        (["{talk}", "{rttm}", "--reference={none}"], "cannot read reference {none}: No such"),
        (["{talk}", "{rttm}", "--reference={other}"], "has no line of recording 'a'"),
        (["{rttm}", "{rttm}"], "can read {rttm}"),
    ],
)
def test_unusable_files_are_refused(flags, words, talk, written, tmp_path, capfd):
    names = {
        "talk": talk,
        "rttm": written(rttm("a", (1, 2, "x"))),
        "other": written(rttm("b", (1, 2, "x")), "other.rttm"),
        "none": tmp_path / "none",
    }

    assert report.main([flag.format(**names) for flag in flags]) == 2

    assert words.format(**names) in capfd.readouterr().err


def test_a_page_that_cannot_be_written_fails(talk, written, tmp_path, capfd):
    out = tmp_path / "no folder" / "a.html"

    code = report.main([str(talk), str(written(rttm("a", (1, 2, "x")))), f"--output={out}"])

    assert code == 1
    assert f"cannot write {out}: No such file or directory" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["../a", "{folder}/a"])
def test_rttm_does_not_choose_the_folder_of_the_page(name, talk, written, tmp_path, capfd):
    (tmp_path / "in").mkdir()
    lines = written(rttm(name.format(folder=tmp_path), (1, 2, "x")), "in/turns.rttm")

    assert report.main([str(talk), str(lines)]) == 2
    assert "holds '/', expected no white space" in capfd.readouterr().err
    assert not list(tmp_path.rglob("*.html"))
    assert report.main([str(talk), str(lines), f"--output={tmp_path / 'a.html'}"]) == 0


def test_times_beyond_all_numbers_are_refused(talk, written, capfd):
    line = f"SPEAKER a 1 1 {'9' * 400} <NA> <NA> x <NA>\n"

    assert report.main([str(talk), str(written(line))]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_wrong_usage_ends_with_2(capfd):
    with pytest.raises(SystemExit) as caught:
        report.main(["a.wav"])

    assert caught.value.code == 2
    assert "RTTM" in capfd.readouterr().err


def test_ctrl_c_ends_silently_with_130(talk, tmp_path):
    os.mkfifo(tmp_path / "turns.rttm")
    command = [sys.executable, report.__file__, talk, tmp_path / "turns.rttm"]

    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with process, (tmp_path / "turns.rttm").open("w"):  # which waits until it is read
        process.send_signal(signal.SIGINT)
        printed = process.stdout.read()

    assert (process.returncode, printed) == (130, b"")
