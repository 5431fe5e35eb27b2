"""The client's --link_speakers against a server that speaks Triton's protocol."""

import json
import sqlite3
import threading

import pytest

import client
from integration.client_fake_server import RefusalError, one_turn, run
from integration.planted_answers import answering
from unit.planted_voices import X, Y, Z

TALKS = {
    "a": [("SPEAKER_00", Y), ("SPEAKER_01", X)],
    "b": [("SPEAKER_00", X + 0.1 * Z), ("SPEAKER_01", Z)],
    "c": [("SPEAKER_00", Z + 0.1 * X)],
    "d": [],
}


def speakers(path):
    return [line.split()[7] for line in path.read_text().splitlines()]


def rttms(out):
    """Speakers in every file."""
    files = ((name, out / f"rttm_{name}") for name in TALKS)
    return {name: speakers(path) for name, path in files if path.exists()}


@pytest.fixture
def talks(triton):
    triton.reply = answering(TALKS)
    return triton


def test_linked_speakers_have_one_name_in_every_file(talks, wav_scp, out, capfd):
    code = run(
        talks, "--wavscp", wav_scp(*"abcd"), "--output_directory", out, "--link_speakers",
        "--format=rttm,json",
    )  # fmt: skip

    assert code == 0
    assert rttms(out) == {
        "a": ["VOICE_000", "VOICE_001"],
        "b": ["VOICE_001", "VOICE_002"],
        "c": ["VOICE_002"],
        "d": [],
    }
    assert speakers(out / "rttm") == [name for each in rttms(out).values() for name in each]
    assert json.loads((out / "c.json").read_text())["speakers"][0]["speaker"] == "VOICE_002"
    assert "are 3 voice(s)" in capfd.readouterr().err


def test_enrolled_names_win_over_numbers(talks, wav_scp, voices, out):
    run(
        talks, "--wavscp", wav_scp(*"abcd"), "--output_directory", out, "--link_speakers",
        "--voices", voices,
    )  # fmt: skip

    assert rttms(out) == {
        "a": ["VOICE_000", "Ana_María"],
        "b": ["Ana_María", "VOICE_001"],
        "c": ["VOICE_001"],
        "d": [],
    }


def test_the_order_of_completion_does_not_matter(triton, wav_scp, out):
    good, c_is_answered = answering(TALKS), threading.Event()

    def reply(call):
        if call.recording_id == "c":
            c_is_answered.set()
        else:
            assert c_is_answered.wait(20)
        return good(call)

    triton.reply = reply

    run(triton, "--wavscp", wav_scp(*"abcd"), "--output_directory", out, "--link_speakers")

    assert rttms(out)["a"] == ["VOICE_000", "VOICE_001"]
    assert rttms(out)["c"] == ["VOICE_002"]


def test_files_are_written_with_own_names_before_the_last_answer(triton, wav_scp, out):
    good, seen = answering(TALKS), {}

    def reply(call):
        if call.recording_id == "b":
            seen.update(rttms(out))
        return good(call)

    triton.reply = reply

    run(
        triton, "--wavscp", wav_scp(*"ab"), "--output_directory", out, "--link_speakers", "--jobs=1"
    )

    assert seen == {"a": ["SPEAKER_00", "SPEAKER_01"]}


@pytest.fixture
def interrupted_run(talks, wav_scp, voices, out):
    """A linked run in which b failed; and the options to go on with."""
    good = talks.reply

    def reply(call):
        if call.recording_id == "b":
            raise RefusalError("no")
        return good(call)

    asking = ["--wavscp", wav_scp(*"abcd"), "--output_directory", out, "--link_speakers"]
    talks.reply = reply
    assert run(talks, *asking) == 1
    talks.reply = good
    talks.calls.clear()
    return [*asking, "--resume"]


def test_a_resumed_run_gives_the_names_of_one_without_interruption(
    talks, interrupted_run, out, tmp_path
):
    assert rttms(out) == {"a": ["VOICE_000", "VOICE_001"], "c": ["VOICE_002"], "d": []}

    assert run(talks, *interrupted_run, "--format=rttm") == 0

    assert talks.ids == ["b"]
    resumed = {path.name: path.read_bytes() for path in out.glob("rttm*")}
    whole = tmp_path / "whole"
    run(talks, *interrupted_run[:2], "--output_directory", whole, "--link_speakers")
    assert resumed == {path.name: path.read_bytes() for path in whole.glob("rttm*")}


def test_kept_answers_are_readable_by_the_owner_alone(talks, interrupted_run, out):
    assert (out / ".link.db").stat().st_mode & 0o777 == 0o600


def test_a_recording_whose_file_changed_is_sent_again(talks, interrupted_run, out):
    (out / "rttm_a").write_text("SPEAKER a 1 0.000 7.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n")

    assert run(talks, *interrupted_run) == 0

    assert sorted(talks.ids) == ["a", "b"]


def test_recordings_without_kept_answers_are_sent_again(talks, wav_scp, out):
    asking = ["--wavscp", wav_scp(*"abc"), "--output_directory", out]
    run(talks, *asking)

    assert run(talks, *asking, "--link_speakers", "--resume") == 0

    assert sorted(talks.ids) == sorted("abcabc")
    assert rttms(out)["c"] == ["VOICE_002"]


def test_a_finished_linked_run_needs_no_server(talks, wav_scp, voices, out):
    asking = ["--wavscp", wav_scp(*"abcd"), "--output_directory", out, "--link_speakers"]
    run(talks, *asking)
    (out / "rttm").unlink()

    code = client.main(
        ["--url=127.0.0.1:9", *map(str, asking), "--resume", "--voices", str(voices)]
    )

    assert code == 0
    assert speakers(out / "rttm") == ["VOICE_000", "Ana_María", "Ana_María", *["VOICE_001"] * 2]


def test_a_resumed_run_with_another_network_fails_and_keeps_its_files(
    talks, interrupted_run, out, capfd
):
    talks.reply = answering(TALKS, "resnet34")

    assert run(talks, *interrupted_run) == 1

    err = capfd.readouterr().err
    assert "'resnet34' (3 numbers)" in err
    assert "expected 'campplus' (3 numbers)" in err
    assert rttms(out) == {"a": ["VOICE_000", "VOICE_001"], "c": ["VOICE_002"], "d": []}


@pytest.mark.parametrize(
    "damage", ["embeddings = x'00'", "rttm = 7", "rttm = x'00'", "info = '[]'", "labels = '[0]'"]
)
def test_damaged_answers_are_an_error_with_resume_alone(damage, talks, wav_scp, out, capfd):
    asking = ["--wavscp", wav_scp(*"abc"), "--output_directory", out, "--link_speakers"]
    run(talks, *asking)
    with sqlite3.connect(out / ".link.db") as connection:
        connection.execute(f"UPDATE answers SET {damage} WHERE recording_id = 'b'")
    connection.close()

    assert run(talks, *asking, "--resume") == 2
    assert ".link.db is damaged at 'b' (" in capfd.readouterr().err
    assert run(talks, *asking) == 0


def test_a_run_killed_at_its_first_answer_can_be_resumed(talks, wav_scp, out):
    (out / ".link.db").touch()
    asking = ["--wavscp", wav_scp(*"abc"), "--output_directory", out, "--link_speakers"]

    assert run(talks, *asking, "--resume") == 0
    assert rttms(out)["c"] == ["VOICE_002"]


def test_a_recording_that_cannot_be_rewritten_keeps_its_names(talks, wav_scp, out, tmp_path, capfd):
    asking = ["--wavscp", wav_scp(*"abc"), "--output_directory", out, "--report"]
    run(talks, *asking, "--link_speakers")
    before = (out / "rttm_c").read_bytes()
    (tmp_path / "a.wav").unlink()  # of which the report is made

    code = run(talks, *asking, "--link_speakers", "--resume")

    assert code == 1
    assert "a: its speakers keep their unlinked names: no report: " in capfd.readouterr().err
    assert (out / "rttm_c").read_bytes() == before


def test_linking_a_run_without_voices_in_info_is_refused(triton, wav_scp, out, capfd):
    triton.reply = one_turn

    assert run(triton, "--wavscp", wav_scp("a"), "--output_directory", out, "--link_speakers") == 1
    assert (
        "speaker_network None, expected the name of its speaker network" in capfd.readouterr().err
    )
