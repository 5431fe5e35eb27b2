"""The client when an earlier run left finished files, and when there is no room for new ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import client
from integration.client_fake_server import RefusalError, files_in, one_turn

FULL_OF_TURNS = 200  # lines of about 60 bytes: more than the 8 kilobytes that are left


@pytest.fixture
def wav_scp(wav_scp):
    """A wav.scp of the recordings a, b, c and d, and their audio."""
    return wav_scp(*"abcd")


def turn(recording_id):
    return f"SPEAKER {recording_id} 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"


def run(triton, wav_scp, out, *more):
    command = ["--url", triton.url, "--wavscp", wav_scp, "--output_directory", out, *more]
    return client.main(list(map(str, command)))


def test_only_missing_recordings_are_sent_and_all_are_joined_and_counted(
    triton, wav_scp, out, capfd
):
    triton.reply = lambda call: "" if call.recording_id == "c" else one_turn(call)  # no speech in c
    run(triton, wav_scp, out)
    whole = files_in(out)
    for name in ("rttm_a", "rttm_d", "rttm"):
        (out / name).unlink()
    triton.calls.clear()
    capfd.readouterr()

    code = run(triton, wav_scp, out, "--resume")

    assert code == 0
    assert sorted(triton.ids) == ["a", "d"]
    assert files_in(out) == whole
    err = capfd.readouterr().err
    assert "2 done, 0 failed, 2 done by an earlier run" in err
    assert "WARNING" not in err


def cut(out):
    (out / "rttm_b").write_text(turn("b")[:20])


def cut_at_a_line_end(out):
    (out / "rttm_b").write_text(turn("b"))


def emptied(out):
    (out / "rttm_b").write_bytes(b"")


def of_another_id(out):
    (out / "rttm_b").write_text(turn("a") * 2)


def no_text(out):
    (out / "rttm_b").write_bytes(b"\xff" * 100)


def another_format_cut(out):
    (out / "b.json").write_text("{")


def replaced_audio(out):
    (out.parent / "b.wav").write_bytes((out.parent / "d.wav").read_bytes())


@pytest.mark.parametrize(
    "spoil",
    [cut, cut_at_a_line_end, emptied, of_another_id, no_text, another_format_cut, replaced_audio],
)
def test_incomplete_or_outdated_results_are_made_again(spoil, triton, wav_scp, out, capfd):
    triton.reply = lambda call: turn(call.recording_id) * 2
    run(triton, wav_scp, out, "--format=json")
    whole = files_in(out)
    spoil(out)
    triton.calls.clear()
    capfd.readouterr()

    code = run(triton, wav_scp, out, "--format=json", "--resume")

    assert code == 0
    assert triton.ids == ["b"]
    assert files_in(out) == whole
    reason = {
        replaced_audio: "their audio has changed",
    }.get(spoil, "their files are not as they were written")
    assert f"WARNING: 1 result(s) made again, since {reason}: b\n" in capfd.readouterr().err


def test_results_of_other_settings_are_made_again_and_the_settings_named(
    triton, wav_scp, out, capfd
):
    run(triton, wav_scp, out, "--num_speakers=2", "--exclusive")
    triton.calls.clear()

    code = run(triton, wav_scp, out, "--num_speakers=3", "--exclusive", "--resume")

    assert code == 0
    assert sorted(triton.ids) == ["a", "b", "c", "d"]
    assert "since they were made with another num_speakers: a, b, c, d" in capfd.readouterr().err
    triton.calls.clear()
    assert run(triton, wav_scp, out, "--num_speakers=3", "--exclusive", "--resume") == 0
    assert triton.calls == []


def of_network(name):
    def reply(call):
        return {"RTTM": one_turn(call), "INFO": json.dumps({"speaker_network": name})}

    return reply


def test_results_of_other_networks_are_made_again(triton, wav_scp, out, capfd):
    triton.reply = of_network("campplus")
    run(triton, wav_scp, out)
    (out / "rttm_c").unlink()
    triton.reply = of_network("resnet34")
    triton.calls.clear()
    capfd.readouterr()

    code = run(triton, wav_scp, out, "--resume")

    assert code == 0
    assert triton.ids[0] == "c"
    assert sorted(triton.ids) == ["a", "b", "c", "d"]
    err = capfd.readouterr().err
    assert "3 result(s) made again, since the service has other networks now" in err
    assert "4 done, 0 failed\n" in err


def test_copied_or_touched_audio_counts_as_unchanged(triton, wav_scp, out, tmp_path):
    run(triton, wav_scp, out)
    for name in "abcd":
        content = (tmp_path / f"{name}.wav").read_bytes()
        (tmp_path / f"{name}.wav").unlink()
        (tmp_path / f"{name}.wav").write_bytes(content)
    triton.calls.clear()

    assert run(triton, wav_scp, out, "--resume") == 0
    assert triton.calls == []


def test_results_of_an_older_client_are_kept_with_a_warning_if_they_read_back(
    triton, wav_scp, out, capfd
):
    run(triton, wav_scp, out)
    (out / ".resume.jsonl").unlink()
    (out / "rttm_b").write_text(turn("b") + turn("b")[:-1])
    (out / "rttm_c").write_text("")
    (out / "rttm_d").write_text(turn("a"))
    triton.calls.clear()
    capfd.readouterr()

    code = run(triton, wav_scp, out, "--resume")

    assert code == 0
    assert sorted(triton.ids) == ["b", "c", "d"]
    assert files_in(out)["rttm"] == "".join(map(turn, "abcd"))
    err = capfd.readouterr().err
    assert "3 result(s) made again, since their RTTM cannot be read back: b, c, d\n" in err
    assert "1 result(s) kept without a note of their audio and settings" in err


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe",
        b"[]\n{}\n3\n",
        b'{"recording_id": "a"}\n',
        b'{"recording_id": [], "audio": 1, "settings": 2, "networks": 3, "files": 4}\n',
    ],
)
def test_damaged_notes_are_skipped(damage, triton, wav_scp, out, capfd):
    run(triton, wav_scp, out)
    lines = (out / ".resume.jsonl").read_bytes().splitlines(keepends=True)
    (out / ".resume.jsonl").write_bytes(damage + b"".join(lines[1:])[:-30])
    triton.calls.clear()
    capfd.readouterr()

    assert run(triton, wav_scp, out, "--resume") == 0
    assert triton.calls == []
    assert "kept without a note" in capfd.readouterr().err


def test_notes_do_not_grow_with_every_run(triton, wav_scp, out):
    run(triton, wav_scp, out)
    once = (out / ".resume.jsonl").read_bytes().count(b"\n")
    run(triton, wav_scp, out)

    assert (out / ".resume.jsonl").read_bytes().count(b"\n") == once == len("abcd")


def test_a_failed_recording_is_sent_again_by_the_next_run(triton, wav_scp, out):
    def reply(call):
        if call.recording_id == "c":
            raise RefusalError("no")
        return one_turn(call)

    triton.reply = reply
    first = run(triton, wav_scp, out)
    triton.reply = one_turn
    triton.calls.clear()

    second = run(triton, wav_scp, out, "--resume")

    assert (first, second) == (1, 0)
    assert triton.ids == ["c"]
    assert files_in(out)["rttm"] == "".join(map(turn, "abcd"))


def test_a_finished_run_needs_no_server_and_no_audio(triton, wav_scp, out, tmp_path):
    run(triton, wav_scp, out)
    (out / "rttm").unlink()
    (tmp_path / "a.wav").unlink()

    code = client.main(
        ["--url=127.0.0.1:9", "--wavscp", str(wav_scp), "--output_directory", str(out), "--resume"]
    )

    assert code == 0
    assert files_in(out)["rttm"] == "".join(map(turn, "abcd"))


def test_results_of_an_earlier_run_are_scored_too(triton, wav_scp, out, tmp_path, capfd):
    (tmp_path / "all.rttm").write_text(turn("a") + turn("b"))
    triton.reply = lambda call: "" if call.recording_id == "b" else one_turn(call)  # b: all missed
    run(triton, wav_scp, out)

    run(triton, wav_scp, out, "--resume", "--reference", tmp_path / "all.rttm")

    assert "DER 50.00 % (miss 50.00" in capfd.readouterr().out


def test_without_resume_everything_is_sent(triton, wav_scp, out):
    (out / "rttm_b").write_text("of an earlier run\n")

    run(triton, wav_scp, out)

    assert sorted(triton.ids) == ["a", "b", "c", "d"]
    assert files_in(out)["rttm_b"] == turn("b")


def test_a_full_disk_fails_only_that_recording(triton, wav_scp, out):
    """The limit on the size of files holds for root too, as a full disk does."""
    triton.reply = lambda call: turn("b") * FULL_OF_TURNS if call.recording_id == "b" else turn("x")
    command = [sys.executable, "client.py", "--url", triton.url, "--wavscp", wav_scp]

    finished = subprocess.run(
        ["bash", "-c", 'ulimit -f 8 && exec "$@"', "bash", *command, "--output_directory", out],
        cwd=Path(client.__file__).parent,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # python would leave halves of those
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert finished.returncode == 1
    assert files_in(out) == dict.fromkeys(["rttm_a", "rttm_c", "rttm_d"], turn("x")) | {
        "rttm": turn("x") * 3
    }
    assert f"b: line 2: cannot write {out / 'rttm_b'}: File too large" in finished.stderr
    assert "3 done, 1 failed" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_an_unwritable_directory_is_reported_before_anything_is_sent(triton, wav_scp, capfd):
    code = run(triton, wav_scp, "/proc/self")  # not even root may

    assert code == 2
    assert triton.headers == []
    assert "cannot write to output directory /proc/self: " in capfd.readouterr().err
