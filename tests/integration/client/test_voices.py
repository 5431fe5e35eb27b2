"""The client's --voices against a server that speaks Triton's protocol."""

import json

import numpy as np
import pytest

from integration.client_fake_server import names_in, run
from integration.planted_answers import answering
from unit.planted_voices import X, Y, Z, voice
from voices.store import VoiceStore

KIND = "'campplus' (3 numbers)"  # of who is enrolled
ALL = "rttm,json,srt,vtt,textgrid,audacity,csv,uem"
TALKS = {
    "a": [("SPEAKER_00", Y), ("SPEAKER_01", X)],
    "b": [("SPEAKER_00", X + 0.1 * Z), ("SPEAKER_01", Z)],
}


@pytest.fixture
def asking(wav_scp, voices, out):
    """A function that gives the options to name who talks in these recordings."""

    def options(*ids):
        return ["--wavscp", wav_scp(*ids), "--output_directory", out, "--voices", voices]

    return options


@pytest.fixture
def talks(triton):
    triton.reply = answering(TALKS)
    return triton


def speakers(path):
    return [line.split()[7] for line in path.read_text().splitlines()]


def test_enrolled_people_are_named_in_every_format_and_others_keep_their_numbers(
    talks, asking, out
):
    code = run(talks, *asking("a"), "--format", ALL)

    assert code == 0
    assert set(talks.calls[0].outputs) == {"RTTM", "INFO", "CONFIDENCE", "LABELS", "EMBEDDINGS"}
    assert (out / "rttm_a").read_text() == (
        "SPEAKER a 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER a 1 1.000 1.000 <NA> <NA> Ana_María <NA> <NA>\n"
    )
    assert (out / "rttm").read_text() == (out / "rttm_a").read_text()
    assert [each["speaker"] for each in json.loads((out / "a.json").read_text())["turns"]] == [
        "SPEAKER_00",
        "Ana_María",
    ]
    for ending in ("srt", "vtt", "TextGrid", "audacity.txt", "csv"):
        text = (out / f"a.{ending}").read_text()
        assert "Ana_María" in text
        assert "SPEAKER_00" in text
        assert "SPEAKER_01" not in text


def test_names_of_both_channels_are_found_by_their_labels(triton, asking, out):
    triton.reply = answering({"a": [("CH2_SPEAKER_00", Y), ("CH1_SPEAKER_00", X)]})

    run(triton, *asking("a"))

    assert speakers(out / "rttm_a") == ["CH2_SPEAKER_00", "Ana_María"]


def test_names_go_to_standard_output_too(talks, wav_scp, voices, capfd):
    assert run(talks, "--wavscp", wav_scp("b"), "--voices", voices) == 0
    assert [line.split()[7] for line in capfd.readouterr().out.splitlines()] == [
        "Ana_María",
        "SPEAKER_01",
    ]


def test_the_threshold_decides(talks, asking, out):
    run(talks, *asking("b"), "--voice_threshold=0.999")

    assert speakers(out / "rttm_b") == ["SPEAKER_00", "SPEAKER_01"]


def test_without_voices_no_further_outputs_are_requested(talks, wav_scp, out):
    run(talks, "--wavscp", wav_scp("a"), "--output_directory", out)

    assert talks.calls[0].outputs == ["RTTM", "INFO"]
    assert names_in(out) == {"rttm_a", "rttm"}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            answering({"a": [("SPEAKER_00", X)]}, "resnet34"),
            [KIND, "'resnet34' (3 numbers)"],
        ),
        (
            answering({"a": [("SPEAKER_00", [1, 0, 0, 0])]}),
            [KIND, "'campplus' (4 numbers)"],
        ),
        (answering({"a": [("SPEAKER_00", X)]}, None), ["speaker_network None"]),
    ],
)
def test_voices_of_another_network_end_the_run_and_name_both(
    reply, words, triton, asking, out, capfd
):
    triton.reply = reply

    code = run(triton, *asking("a"))

    err = capfd.readouterr().err
    assert code == 1
    assert names_in(out) == set()
    assert all(word in err for word in words)
    assert "Traceback" not in err


def test_people_enrolled_with_another_network_cause_a_warning(talks, asking, voices, out, capfd):
    VoiceStore(voices).add([voice("Ben", Y, network="resnet34", file="b.wav")])

    code = run(talks, *asking("a", "b"))

    assert code == 0
    assert speakers(out / "rttm_a") == ["SPEAKER_00", "Ana_María"]
    assert capfd.readouterr().err.count("service's, 'campplus' (3 numbers): Ben") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "file not found, expected a file of voices"), (b"text " * 500, "expected a file of")],
)
def test_an_invalid_file_of_voices_is_refused_before_anything_is_sent(
    content, words, triton, wav_scp, tmp_path, capfd
):
    path = tmp_path / "wrong.db"
    if content:
        path.write_bytes(content)

    code = run(triton, "--wavscp", wav_scp("a"), "--voices", path)

    assert code == 2
    assert triton.headers == []
    assert words in capfd.readouterr().err


def test_a_file_without_voices_is_refused(triton, wav_scp, voices, capfd):
    VoiceStore(voices).remove("Ana_María")

    assert run(triton, "--wavscp", wav_scp("a"), "--voices", voices) == 2
    assert "holds no voice, expected some made by enroll.py" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"LABELS": np.zeros((1, 1, 3))}, "LABELS has 1 rows, expected 2"),
        ({"LABELS": np.zeros((1, 2, 3))}, "name its speakers differently"),
        ({"EMBEDDINGS": np.eye(1, 3)}, "EMBEDDINGS has 1 rows, expected 2"),
        ({"EMBEDDINGS": np.zeros((2, 3))}, "an embedding is zero or not finite"),
    ],
)
def test_a_contradictory_answer_fails_its_recording_alone(
    lacking, words, triton, asking, out, capfd
):
    good = answering(TALKS)
    triton.reply = lambda call: good(call) | (lacking if call.recording_id == "a" else {})

    code = run(triton, *asking("a", "b"))

    assert code == 1
    assert names_in(out) == {"rttm_b", "rttm"}
    assert words in capfd.readouterr().err


@pytest.mark.parametrize("given", ["1", "-1", "nan", "near"])
def test_an_invalid_threshold_is_refused(given, triton, wav_scp, capfd):
    with pytest.raises(SystemExit) as caught:
        run(triton, "--wavscp", wav_scp("a"), f"--voice_threshold={given}")

    assert caught.value.code == 2
    assert f"expected a number above -1 and below 1, got '{given}'" in capfd.readouterr().err
