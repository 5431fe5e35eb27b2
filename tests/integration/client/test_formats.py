"""The client's --format against a server that speaks Triton's protocol: files, failures, resume."""

import json

import numpy as np
import pytest
import soundfile

from integration.client_fake_server import RefusalError, names_in, one_turn, run

ALL = "rttm,json,srt,vtt,textgrid,audacity,csv,uem"
FURTHER_FILES = ["json", "srt", "vtt", "TextGrid", "audacity.txt", "csv", "uem"]


@pytest.fixture
def wav(tmp_path):
    soundfile.write(tmp_path / "talk.wav", np.zeros(160), 16_000)
    return tmp_path / "talk.wav"


@pytest.fixture
def wav_scp(tmp_path, wav):
    """A function that writes a wav.scp of recordings with these ids."""

    def write(*ids):
        path = tmp_path / "wav.scp"
        path.write_text("".join(f"{each} {wav}\n" for each in ids))
        return path

    return write


def files_of(*ids):
    return {f"{each}.{ending}" for each in ids for ending in FURTHER_FILES} | {
        f"rttm_{each}" for each in ids
    }


def test_every_recording_gets_a_file_of_every_format(triton, wav_scp, out):
    code = run(triton, "--wavscp", wav_scp("a", "é"), "--output_directory", out, "--format", ALL)

    assert code == 0
    assert names_in(out) == files_of("a", "é") | {"rttm"}
    assert (out / "a.srt").read_text() == "1\n00:00:00,000 --> 00:00:01,000\nSPEAKER_00\n\n"
    assert (out / "é.uem").read_text() == "é 1 0.000 30.000\n"
    assert (out / "rttm").read_text() == "".join(
        (out / name).read_text() for name in ("rttm_a", "rttm_é")
    )
    document = json.loads((out / "a.json").read_text())
    assert document["turns"] == [
        {"start_s": 0.0, "end_s": 1.0, "speaker": "SPEAKER_00", "confidence": 0.75}
    ]


def test_every_format_has_separate_channels(triton, wav, out):
    rttm = "".join(
        f"SPEAKER talk {channel} {channel}.000 1.000 <NA> <NA> CH{channel}_SPEAKER_00 <NA> <NA>\n"
        for channel in (1, 2)
    )
    info = {"audio_s": 3.0, "mode": "full", "channels": "separate", "n_channels": 2}
    triton.reply = lambda _: {"RTTM": rttm, "INFO": json.dumps(info), "CONFIDENCE": [0.5, 0.25]}

    code = run(
        triton, "--audio_file", wav, "--channels=separate", "--output_directory", out,
        "--format", ALL,
    )  # fmt: skip

    assert code == 0
    assert (out / "rttm").read_text() == rttm
    document = json.loads((out / "talk.json").read_text())
    assert [turn["channel"] for turn in document["turns"]] == [1, 2]
    assert (out / "talk.csv").read_text().splitlines()[
        2
    ] == "talk,2.000,3.000,CH2_SPEAKER_00,0.25,2"
    assert (out / "talk.uem").read_text() == "talk 1 0.000 3.000\ntalk 2 0.000 3.000\n"
    for token in ("srt", "vtt", "TextGrid", "audacity.txt"):
        text = (out / f"talk.{token}").read_text()
        assert text.index("CH1_SPEAKER_00") < text.index("CH2_SPEAKER_00")


def test_a_likely_missing_speaker_is_logged_and_written(triton, wav, out, capfd):
    doubt = {"unlike_share": 0.071, "more_speakers_likely": True}
    info = json.dumps({"audio_s": 3.0, "mode": "full", **doubt})
    triton.reply = lambda call: {"RTTM": one_turn(call), "INFO": info, "CONFIDENCE": [0.75]}
    asked = ["--format=json", "--num_speakers=1"]

    code = run(triton, "--audio_file", wav, "--output_directory", out, *asked)

    assert code == 0
    assert (
        "WARNING: talk: more speakers may be present than the 1 found: 7 % of the speech is like "
        "no speaker found; a greater --num_speakers asks for more\n"
    ) in capfd.readouterr().err
    document = json.loads((out / "talk.json").read_text())
    assert {name: document[name] for name in doubt} == doubt


def test_rttm_is_always_written_into_a_folder(triton, wav, out):
    run(triton, "--audio_file", wav, "--output_directory", out, "--format=srt")

    assert names_in(out) == {"talk.srt", "rttm_talk", "rttm"}


def test_no_speech_gives_files_of_every_format(triton, wav, out):
    triton.reply = lambda _: ""

    code = run(triton, "--audio_file", wav, "--output_directory", out, "--format", ALL)

    assert code == 0
    assert names_in(out) == files_of("talk") | {"rttm"}
    assert (out / "rttm_talk").read_text() == (out / "rttm").read_text() == ""
    assert (out / "talk.srt").read_text() == ""
    assert (out / "talk.vtt").read_text() == "WEBVTT\n"


@pytest.mark.parametrize(
    ("token", "outputs"),
    [
        ("rttm", ["RTTM", "INFO"]),
        ("vtt,uem", ["RTTM", "INFO"]),
        ("csv,json", ["RTTM", "INFO", "CONFIDENCE"]),
    ],
)
def test_only_outputs_that_the_formats_need_are_requested(token, outputs, triton, wav, out):
    run(triton, "--audio_file", wav, "--output_directory", out, "--format", token)

    assert triton.calls[0].outputs == outputs


def test_one_format_goes_to_standard_output(triton, wav, capfd):
    code = run(triton, "--audio_file", wav, "--format=srt")

    assert code == 0
    assert capfd.readouterr().out == "1\n00:00:00,000 --> 00:00:01,000\nSPEAKER_00\n\n"


def test_json_of_a_list_is_a_line_per_recording_on_standard_output(triton, wav_scp, capfd):
    code = run(triton, "--wavscp", wav_scp("a", "b"), "--format=json")

    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert code == 0
    assert {each["recording_id"] for each in documents} == {"a", "b"}


def test_a_failure_removes_the_recordings_files_of_an_earlier_run(triton, wav_scp, out):
    def reply(call):
        if call.recording_id == "bad":
            raise RefusalError("no")
        return one_turn(call)

    asking = ["--wavscp", wav_scp("a", "bad"), "--output_directory", out, "--format", ALL]
    run(triton, *asking)
    triton.reply = reply

    code = run(triton, *asking)

    assert code == 1
    assert names_in(out) == files_of("a") | {"rttm"}


def test_a_recording_with_an_unwritable_file_keeps_no_files(triton, wav_scp, out, capfd):
    (out / "a.csv").mkdir()  # a folder where a file must go

    code = run(triton, "--wavscp", wav_scp("a", "b"), "--output_directory", out, "--format", ALL)

    assert code == 1
    assert names_in(out) == files_of("b") | {"rttm", "a.csv"}
    assert f"a: line 1: cannot write {out / 'a.csv'}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"INFO": "{}"}, "the answer's INFO holds no audio_s"),
        ({"INFO": '{"audio_s": 1}', "CONFIDENCE": [0.5]}, "INFO holds no mode"),
        ({"INFO": '{"audio_s": 1}', "CONFIDENCE": [0.5] * 2}, "CONFIDENCE has 2 values"),
        ({"RTTM": "no turn\n", "CONFIDENCE": [0.5]}, "RTTM holds 'no turn'"),
    ],
)
def test_an_answer_without_what_a_format_needs_fails_its_recording(
    answer, words, triton, wav, out, capfd
):
    triton.reply = lambda call: {"RTTM": one_turn(call)} | answer

    code = run(triton, "--audio_file", wav, "--output_directory", out, "--format=uem,json")

    assert code == 1
    assert names_in(out) == {"rttm"}
    assert words in capfd.readouterr().err


def test_resume_sends_recordings_with_missing_files(triton, wav_scp, out, capfd):
    asking = ["--wavscp", wav_scp("a", "b", "c"), "--output_directory", out]
    run(triton, *asking, "--format=srt,json")
    (out / "b.json").unlink()
    (out / "c.srt").unlink()
    triton.calls.clear()

    code = run(triton, *asking, "--format=srt,json", "--resume")

    assert code == 0
    assert sorted(triton.ids) == ["b", "c"]
    assert {"a.json", "b.json", "c.srt"} <= names_in(out)
    assert (out / "rttm").read_text().count("\n") == 3
    assert "2 done, 0 failed, 1 done by an earlier run" in capfd.readouterr().err


def test_an_additional_format_requests_every_recording_again(triton, wav_scp, out):
    asking = ["--wavscp", wav_scp("a", "b"), "--output_directory", out, "--resume"]
    run(triton, *asking)

    run(triton, *asking, "--format=vtt")

    assert sorted(triton.ids) == ["a", "a", "b", "b"]


def test_ids_that_cannot_name_the_files_are_refused_with_their_lines(triton, wav_scp, out, capfd):
    fits = "x" * 242
    scp = wav_scp(fits, fits + "y", "rttm_a")

    code = run(triton, "--wavscp", scp, "--output_directory", out, "--format=audacity")

    err = capfd.readouterr().err
    assert code == 2
    assert triton.headers == []
    assert "line 1:" not in err
    assert "line 2: recording id 'xxx" in err
    assert "has 243 bytes, expected at most 242 with --format audacity" in err
    assert "line 3: recording id 'rttm_a' starts with 'rttm'" in err
    assert names_in(out) == set()


def test_rttm_alone_accepts_any_id(triton, wav_scp, out):
    assert run(triton, "--wavscp", wav_scp("rttm_a"), "--output_directory", out) == 0
