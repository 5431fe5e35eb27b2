"""The client when an earlier run left finished files, and when there is no room for new ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import client
from contract.client_fake_server import RefusalError, one_turn

FULL_OF_TURNS = 200  # lines of about 60 bytes: more than the kilobyte that is left


@pytest.fixture
def wav_scp(wav_scp):
    """A wav.scp of the recordings a, b, c and d, and their audio."""
    return wav_scp(*"abcd")


def turn(recording_id):
    return f"SPEAKER {recording_id} 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"


def run(triton, wav_scp, out, *more):
    command = ["--url", triton.url, "--wavscp", wav_scp, "--output_directory", out, *more]
    return client.main(list(map(str, command)))


def files_in(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_only_what_is_missing_is_sent_and_all_is_joined_and_counted(triton, wav_scp, out, capfd):
    (out / "rttm_b").write_text("of an earlier run\n")
    (out / "rttm_c").touch()  # no speech in it

    code = run(triton, wav_scp, out, "--resume")

    assert code == 0
    assert sorted(triton.ids) == ["a", "d"]
    assert files_in(out) == {
        "rttm_a": turn("a"),
        "rttm_b": "of an earlier run\n",
        "rttm_c": "",
        "rttm_d": turn("d"),
        "rttm": turn("a") + "of an earlier run\n" + turn("d"),
    }
    assert "2 done, 0 failed, 2 done by an earlier run" in capfd.readouterr().err


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


def test_what_an_earlier_run_did_is_scored_too(triton, wav_scp, out, tmp_path, capfd):
    (tmp_path / "all.rttm").write_text(turn("a") + turn("b"))
    (out / "rttm_b").touch()  # all missed

    run(triton, wav_scp, out, "--resume", "--reference", tmp_path / "all.rttm")

    assert "DER 50.00 % (miss 50.00" in capfd.readouterr().out


def test_without_resume_everything_is_sent(triton, wav_scp, out):
    (out / "rttm_b").write_text("of an earlier run\n")

    run(triton, wav_scp, out)

    assert sorted(triton.ids) == ["a", "b", "c", "d"]
    assert files_in(out)["rttm_b"] == turn("b")


def test_no_room_for_one_answer_is_that_recordings_failure(triton, wav_scp, out):
    """The limit on the size of files holds for root too, as a full disk does."""
    triton.reply = lambda call: turn("b") * FULL_OF_TURNS if call.recording_id == "b" else turn("x")
    command = [sys.executable, "client.py", "--url", triton.url, "--wavscp", wav_scp]

    finished = subprocess.run(
        ["bash", "-c", 'ulimit -f 1 && exec "$@"', "bash", *command, "--output_directory", out],
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


def test_a_directory_that_nobody_may_write_to_is_told_before_anything_is_sent(
    triton, wav_scp, capfd
):
    code = run(triton, wav_scp, "/proc/self")  # not even root may

    assert code == 2
    assert triton.headers == []
    assert "cannot write to output directory /proc/self: " in capfd.readouterr().err
