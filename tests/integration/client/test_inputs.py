"""The client's --audio_file: several files, folders, patterns and standard input."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

import client
from gateways import wait_until
from inputs import audio_files
from integration.client_fake_server import names_in, run

CLIENT = Path(client.__file__)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("a.wav", "b.flac", "My call.wav"):
        soundfile.write(folder / name, np.zeros(160), 16_000)
    (folder / "notes.txt").write_text("no audio")
    return folder


def as_program(server, *args, **more):
    """The client as a process with its own standard input."""
    command = [sys.executable, CLIENT, "--url", server.url, *args]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, **more)


def test_a_folder_is_a_recording_for_each_audio_file_in_it(triton, folder, out):
    code = run(triton, "--audio_file", folder, "--output_directory", out)

    assert code == 0
    assert sorted(triton.ids) == ["My_call", "a", "b"]
    assert names_in(out) == {"rttm_a", "rttm_b", "rttm_My_call", "rttm"}


def test_direction_marks_are_removed_from_ids_with_a_warning(triton, folder, capfd):
    path = (folder / "a.wav").rename(folder / "invoice\u202egpj.wav")

    code = run(triton, "--audio_file", path)

    out, err = capfd.readouterr()
    assert code == 0
    assert out.startswith("SPEAKER invoice_gpj 1 ")
    assert (
        "invoice\\u202egpj.wav' gets the recording id invoice_gpj: ids hold no white space" in err
    )
    assert "\u202e" not in err


def test_files_and_patterns_can_be_combined(triton, folder, capfd):
    code = run(
        triton, "--audio_file", folder / "b.flac", folder / "a.*", f"--audio_file={folder}/My*"
    )

    assert code == 0
    assert sorted(triton.ids) == ["My_call", "a", "b"]
    assert capfd.readouterr().out.count("SPEAKER") == 3 * 2


def test_several_recordings_on_standard_output_need_a_format_that_joins(triton, folder, capfd):
    code = run(triton, "--audio_file", folder, "--format=srt")

    assert code == 2
    assert triton.headers == []
    assert "takes a list of recordings as rttm, json, uem" in capfd.readouterr().err


LONG = "x" * 300  # longer than any name may be, so that it cannot even be looked at


def test_an_impossible_audio_path_fails_only_its_recording(triton, folder, capfd):
    (folder / "loop.wav").symlink_to("loop.wav")

    code = run(triton, "--audio_file", f"{LONG}/x.wav", folder / "loop.wav", folder / "a.wav")

    err = capfd.readouterr().err
    assert code == 1
    assert triton.ids == ["a"]
    assert f"ERROR: x: cannot read {LONG}/x.wav: File name too long\n" in err
    assert f"ERROR: loop: file not found: {folder / 'loop.wav'}\n" in err


@pytest.mark.parametrize("option", ["--reference", "--md_eval", "--voices", "--output_directory"])
def test_other_impossible_paths_are_wrong_usage(option, triton, folder, tmp_path, capfd):
    reference = ["--reference", folder / "a.wav"] if option == "--md_eval" else []

    code = run(triton, "--audio_file", folder / "a.wav", *reference, option, LONG, "--dry_run")

    assert code == 2
    assert f"ERROR: cannot use {LONG}: File name too long\n" in capfd.readouterr().err
    assert triton.headers == []


@pytest.mark.parametrize(("flags", "name"), [([], "stdin"), (["--recording_id=talk"], "talk")])
def test_standard_input_is_sent_whole(flags, name, triton, folder):
    content = (folder / "b.flac").read_bytes()

    done = as_program(triton, "--audio_file", "-", *flags, input=content)

    (call,) = triton.calls
    assert done.returncode == 0
    assert (call.recording_id, call.audio) == (name, content)
    assert done.stdout.startswith(f"SPEAKER {name} 1 ".encode())


@pytest.mark.parametrize(
    ("closed", "code", "output"),
    [("2>&-", 0, b"SPEAKER"), (">&-", 1, b"ERROR: a: cannot write a: standard output is closed")],
)
def test_closed_outputs_cause_no_traceback(closed, code, output, triton, folder):
    script = f"{sys.executable} {CLIENT} --url {triton.url} --audio_file {folder}/a.wav {closed}"

    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=60)

    assert done.returncode == code
    assert (done.stdout + done.stderr).startswith(output)
    assert b"INFO" not in done.stdout


def test_the_copy_of_standard_input_is_removed(triton, folder, tmp_path):
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}

    with (folder / "a.wav").open("rb") as file:
        done = as_program(triton, "--audio_file", "-", stdin=file, env=environment)

    assert done.returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_while_standard_input_is_read_leaves_no_file(triton, tmp_path):
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, CLIENT, "--url", triton.url, "--audio_file", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
    )
    with process:
        while not list((tmp_path / "tmp").glob("*/*")):
            assert process.poll() is None
        # A signal just before it waits for the pipe would be handled only after that.
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()

    assert process.returncode == 130
    assert err == b""
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_empty_standard_input_is_refused(triton):
    done = as_program(triton, "--audio_file", "-", input=b"")

    assert done.returncode == 2
    assert done.stderr.startswith(b"ERROR: standard input is empty, expected an audio file")
    assert triton.headers == []


def test_a_terminal_as_standard_input_is_refused(triton):
    leader, terminal = pty.openpty()
    try:
        done = as_program(triton, "--audio_file", "-", stdin=terminal)
    finally:
        os.close(leader)
        os.close(terminal)

    assert done.returncode == 2
    assert b"standard input is a terminal" in done.stderr


def test_standard_input_larger_than_what_can_be_sent_is_refused(triton, folder, capfd, monkeypatch):
    monkeypatch.setattr(audio_files, "MAX_UPLOAD_BYTES", 100)
    with (folder / "a.wav").open() as file:
        monkeypatch.setattr(sys, "stdin", file)

        code = run(triton, "--audio_file", "-")

    assert code == 2
    assert "standard input holds more than the 100 bytes" in capfd.readouterr().err
