"""The client's --json: a line for every outcome on standard output."""

import json
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

import formats
from integration.client_fake_server import RefusalError, names_in, one_turn, run

SCHEMAS = Path(formats.__file__).parent


def schema(name):
    return json.loads((SCHEMAS / name).read_text())


@pytest.fixture
def validator():
    turns = Resource.from_contents(schema("turns.schema.json"))
    registry = Registry().with_resource("turns.schema.json", turns)
    return jsonschema.Draft202012Validator(schema("lines.schema.json"), registry=registry)


@pytest.fixture
def lines(capfd, validator):
    """A function that reads standard output, every line held against the schema."""

    def read():
        documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        for document in documents:
            validator.validate(document)
        return documents

    return read


def refuse_bad(call):
    if call.recording_id == "bad":
        raise RefusalError("AUDIO: got nothing, expected a wav")
    return one_turn(call)


def test_every_outcome_is_printed_when_it_arrives(triton, wav_scp, tmp_path, lines):
    scp = wav_scp("absent", "a", "bad", "b")
    (tmp_path / "absent.wav").unlink()
    triton.reply = refuse_bad

    code = run(triton, "--wavscp", scp, "--json", "--jobs=1")

    absent, a, bad, b = lines()
    assert code == 1
    assert absent["error"] == f"file not found: {tmp_path / 'absent.wav'}"
    assert bad == {
        "schema": "diarization-failure/1",
        "recording_id": "bad",
        "error": "AUDIO: got nothing, expected a wav",
    }
    assert [each["recording_id"] for each in (a, b)] == ["a", "b"]
    assert a["turns"][0]["confidence"] == 0.75


def test_lines_are_printed_beside_files_of_any_format(triton, wav_scp, out, lines):
    triton.reply = refuse_bad
    (out / "bad.srt").touch()

    code = run(
        triton, "--wavscp", wav_scp("a", "bad"), "--json", "--output_directory", out, "--format=srt"
    )

    assert code == 1
    assert {each["recording_id"] for each in lines()} == {"a", "bad"}
    assert names_in(out) == {"rttm_a", "a.srt", "rttm"}


def test_an_answer_that_cannot_be_written_is_a_failure_line(triton, wav_scp, out, lines):
    (out / "rttm_a").mkdir()

    code = run(triton, "--wavscp", wav_scp("a"), "--json", "--output_directory", out)

    (failure,) = lines()
    assert code == 1
    assert failure["error"] == f"cannot write {out / 'rttm_a'}: Is a directory"


def test_results_of_an_earlier_run_have_no_line(triton, wav_scp, out, lines):
    asking = ["--wavscp", wav_scp("a", "b"), "--json", "--output_directory", out]
    run(triton, *asking)
    (out / "rttm_b").unlink()
    lines()

    run(triton, *asking, "--resume")

    assert [each["recording_id"] for each in lines()] == ["b"]


@pytest.mark.parametrize("with_files", [False, True])
def test_scores_are_the_last_line(with_files, triton, wav_scp, tmp_path, out, lines):
    (tmp_path / "all.rttm").write_text(
        "SPEAKER a 1 0.000 1.000 <NA> <NA> anna <NA> <NA>\n"
        "SPEAKER bad 1 0.000 3.000 <NA> <NA> ben <NA> <NA>\n"
    )
    triton.reply = refuse_bad
    files = ["--output_directory", out] if with_files else []

    run(
        triton, "--wavscp", wav_scp("a", "bad", "c"), "--json",
        "--reference", tmp_path / "all.rttm", *files,
    )  # fmt: skip

    *outcomes, scores = lines()
    assert len(outcomes) == 3
    assert scores["schema"] == "diarization-scores/1"
    assert scores["n_recordings"] == 2
    assert scores["scores"][1] == {
        "collar_s": 0.0,
        "der_percent": 75.0,
        "miss_percent": 75.0,
        "false_alarm_percent": 0.0,
        "confusion_percent": 0.0,
    }


def test_the_format_json_can_be_combined_with_lines(triton, wav, lines):
    assert run(triton, "--audio_file", wav("a.wav"), "--json", "--format=json") == 0
    assert len(lines()) == 1


def test_the_schema_is_valid_and_refuses_other_documents(validator):
    validator.check_schema(validator.schema)

    assert not validator.is_valid({"schema": "diarization-failure/1", "recording_id": "a"})
    assert not validator.is_valid({"schema": "diarization-turns/1", "recording_id": "a"})
