"""The client's --report against a server that speaks Triton's protocol."""

import json
import re

from integration.client_fake_server import names_in, one_turn, run
from report_cases import rttm


def view_in(path):
    return json.loads(re.search(r'id="document">(.*?)</script>', path.read_text())[1])


def test_every_recording_gets_a_page(triton, wav_scp, out):
    code = run(triton, "--wavscp", wav_scp("a", "é"), "--output_directory", out, "--report")

    assert code == 0
    assert names_in(out) == {"rttm", "rttm_a", "rttm_é", "a.html", "é.html"}
    assert triton.calls[0].outputs == ["RTTM", "INFO", "CONFIDENCE"]
    view = view_in(out / "é.html")
    assert (view["recording_id"], view["mode"]) == ("é", "full")
    assert view["turns"] == [
        {"start_s": 0, "end_s": 0.01, "speaker": "SPEAKER_00", "confidence": 0.75}
    ]
    assert "errors" not in view


def test_formats_and_a_page_go_together(triton, wav, out):
    asked = ["--format=srt,json", "--report", "--json"]

    code = run(triton, "--audio_file", wav("talk.wav"), "--output_directory", out, *asked)

    assert code == 0
    assert names_in(out) == {"rttm", "rttm_talk", "talk.srt", "talk.json", "talk.html"}


def test_errors_are_marked_where_a_recording_has_a_reference(triton, wav, wav_scp, out, tmp_path):
    scp = wav_scp("a", "b")
    wav("a.wav", 32_000)
    reference = tmp_path / "ref.rttm"
    reference.write_text(rttm("a", (0.5, 1.5, "anna")))

    code = run(
        triton, "--wavscp", scp, "--output_directory", out, "--report", "--reference", reference
    )

    assert code == 0
    view = view_in(out / "a.html")
    assert view["match"] == {"SPEAKER_00": "anna"}
    assert [(each["kind"], each["start_s"], each["end_s"]) for each in view["errors"]] == [
        ("false_alarm", 0, 0.5),
        ("missed", 1, 1.5),
    ]
    assert "errors" not in view_in(out / "b.html")


def test_resume_makes_pages_that_are_missing(triton, wav_scp, out):
    asking = ["--wavscp", wav_scp("a", "b"), "--output_directory", out]
    run(triton, *asking)
    run(triton, *asking, "--report")
    (out / "b.html").unlink()
    triton.calls.clear()

    assert run(triton, *asking, "--report", "--resume") == 0
    assert triton.ids == ["b"]
    assert (out / "b.html").exists()


def test_a_recording_removed_before_its_report_fails(triton, wav, out, capfd):
    talk = wav("talk.wav")

    def reply(call):
        talk.unlink()
        return one_turn(call)

    triton.reply = reply

    code = run(triton, "--audio_file", talk, "--output_directory", out, "--report")

    assert code == 1
    assert names_in(out) == {"rttm"}
    assert f"talk: no report: cannot read {talk}: No such file" in capfd.readouterr().err


def test_ids_that_cannot_name_a_page_are_refused(triton, wav_scp, out, capfd):
    scp = wav_scp("rttm_a", "x" * 250)

    code = run(triton, "--wavscp", scp, "--output_directory", out, "--report")

    err = capfd.readouterr().err
    assert code == 2
    assert "line 1: recording id 'rttm_a' starts with 'rttm', expected another start" in err
    assert "with --report: `cat rttm*` would take rttm_a.html for RTTM" in err
    assert "line 2:" not in err  # 250 bytes and .html are 255
