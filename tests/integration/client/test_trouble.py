"""The client when the service is absent or slow, when the user stops it, and when it scores."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import client
from inputs import audio_files
from integration.client_fake_server import RefusalError, files_in, one_turn
from media_files import write_mov

CLIENT = Path(client.__file__).parent


@pytest.fixture
def earlier_run(tmp_path):
    """An output folder with what an earlier run left for recording `a`."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "rttm_a").write_text("earlier\n")
    (folder / "rttm").write_text("earlier\n")
    return folder


def test_an_unreachable_server_is_reported_and_no_file_changes(wav_scp, earlier_run, capfd):
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        url = f"127.0.0.1:{unused.getsockname()[1]}"
        code = client.main(
            ["--url", url, "--wavscp", str(wav_scp("a")), "--output_directory", str(earlier_run)]
        )

    err = capfd.readouterr().err
    assert code == 1
    assert f"no Triton server answers gRPC at {url}" in err
    assert err.count("\n") == 1
    assert files_in(earlier_run) == {"rttm_a": "earlier\n", "rttm": "earlier\n"}


def test_a_model_that_is_not_ready_is_reported_and_no_file_changes(
    triton, wav_scp, earlier_run, capfd
):
    code = client.main(
        [
            "--url",
            triton.url,
            "--model_name",
            "walk",
            "--wavscp",
            str(wav_scp("a")),
            "--output_directory",
            str(earlier_run),
        ]
    )

    assert code == 1
    assert triton.calls == []
    assert "'walk'" in capfd.readouterr().err
    assert files_in(earlier_run)["rttm"] == "earlier\n"


def test_a_timeout_fails_the_recording_and_is_reported(triton, wav_scp, capfd):
    given_up = threading.Event()

    def reply(call):
        if call.recording_id == "slow":
            given_up.wait(timeout=60)
        return one_turn(call)

    triton.reply = reply

    code = client.main(
        ["--url", triton.url, "--wavscp", str(wav_scp("slow", "b")), "--timeout", "0.5"]
    )
    given_up.set()

    out, err = capfd.readouterr()
    assert code == 1
    assert out.startswith("SPEAKER b ")
    assert "slow: line 1: no answer within 0.5 s" in err


def test_an_answer_without_rttm_is_a_failure(triton, wav_scp, capfd):
    triton.reply = lambda _: {"INFO": "{}"}

    code = client.main(["--url", triton.url, "--wavscp", str(wav_scp("a"))])

    assert code == 1
    assert "no RTTM" in capfd.readouterr().err


@pytest.fixture
def start():
    """A function that starts the client as a process, which ends with the test."""
    with contextlib.ExitStack() as at_the_end:

        def start_client(*args):
            process = subprocess.Popen(
                [sys.executable, "client.py", *map(str, args)],
                cwd=CLIENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            at_the_end.enter_context(process)
            at_the_end.callback(process.kill)
            return process

        yield start_client


def test_ctrl_c_keeps_what_has_finished_and_leaves_no_joined_file(
    triton, wav_scp, earlier_run, start
):
    second_is_there, stopped = threading.Event(), threading.Event()

    def reply(call):
        if call.recording_id == "b":
            second_is_there.set()
            stopped.wait(timeout=60)
        return one_turn(call)

    triton.reply = reply
    process = start(
        "--url", triton.url, "--wavscp", wav_scp("a", "b", "c"), "--jobs", 1,
        "--output_directory", earlier_run,
    )  # fmt: skip

    assert second_is_there.wait(timeout=60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    stopped.set()

    assert process.returncode == 130
    assert list(files_in(earlier_run)) == ["rttm_a"]
    assert files_in(earlier_run)["rttm_a"].startswith("SPEAKER a ")
    assert "interrupted: 1 done, 0 failed, 2 left" in err
    assert "Traceback" not in err


def test_a_closed_pipe_ends_the_run_without_a_traceback(triton, wav_scp, start):
    process = start("--url", triton.url, "--wavscp", wav_scp("a", "b"))
    process.stdout.close()

    err = process.stderr.read()

    assert process.wait(timeout=60) == 1
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_copied_folder_works_from_any_directory(triton, wav_scp, tmp_path):
    copy = shutil.copytree(
        CLIENT, tmp_path / "copied", ignore=shutil.ignore_patterns("web", "__pycache__")
    )
    audio = wav_scp("a").parent / "a.wav"
    common = ["--url", triton.url, "--audio_file", str(audio)]

    outputs = [
        subprocess.run(
            [sys.executable, script, *common],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for folder, script in ((copy, "client.py"), (tmp_path, "copied/client.py"))
    ]

    assert outputs[0] == outputs[1] == one_turn(triton.calls[0])


REFERENCE = """\
SPEAKER a 1 0.000 1.000 <NA> <NA> anna <NA> <NA>
SPEAKER b 1 0.000 3.000 <NA> <NA> ben <NA> <NA>
"""


def score(triton, scp, tmp_path, *more):
    (tmp_path / "all.rttm").write_text(REFERENCE)
    reference = ["--reference", str(tmp_path / "all.rttm")]
    return client.main(["--url", triton.url, "--wavscp", str(scp), *reference, *more])


def test_only_recordings_of_this_run_are_scored(triton, wav_scp, tmp_path, capfd):
    code = score(triton, wav_scp("a"), tmp_path, "--output_directory", str(tmp_path / "out"))

    # `a` is right; `b` is not in this run and does not count.
    perfect = "DER 0.00 % (miss 0.00, false alarm 0.00, confusion 0.00) at collar "
    assert code == 0
    assert capfd.readouterr().out.splitlines() == [perfect + "0.25 s", perfect + "0 s"]


def test_a_failed_recording_scores_as_missed_with_a_message(triton, wav_scp, tmp_path, capfd):
    def reply(call):
        if call.recording_id == "b":
            raise RefusalError("no")
        return one_turn(call)

    triton.reply = reply

    code = score(triton, wav_scp("a", "b", "c"), tmp_path)

    out, err = capfd.readouterr()
    assert code == 1
    assert all(line.startswith("SPEAKER ") for line in out.splitlines())
    # Without collar 1 s of a is right and 3 s of b are missed.
    assert "DER 75.00 % (miss 75.00, false alarm 0.00, confusion 0.00) at collar 0 s" in err
    assert "missed completely, since they failed: b" in err
    assert "no speech of theirs in the reference: c" in err


def test_a_missing_scorer_is_reported_before_anything_is_sent(
    triton, wav_scp, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("MD_EVAL", os.fspath(tmp_path / "absent.pl"))

    code = score(triton, wav_scp("a"), tmp_path)

    assert code == 2
    assert triton.calls == []
    assert "absent.pl" in capfd.readouterr().err


def test_ctrl_c_ends_a_file_that_is_being_decoded(triton, tmp_path, monkeypatch, capfd):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)"
    )
    monkeypatch.setattr(audio_files, "_AV_WORKER", worker)
    call = write_mov(tmp_path / "call.mov", declared_s=1, chunk_s=1, n_chunks=1)
    begun_s = time.monotonic()

    code = client.main(["--url", triton.url, "--audio_file", str(call)])

    assert code == 130
    assert time.monotonic() - begun_s < 20
    assert "0 failed, 1 left" in capfd.readouterr().err
    assert triton.calls == []
