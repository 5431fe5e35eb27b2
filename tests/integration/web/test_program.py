"""The program as users start it: options, messages, and what survives its end."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from gateways import APP, assert_problem, program, serving, wait_until
from web.jobs.store import MAX_STARTS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_serves_until_a_signal(number, triton, wav, tmp_path):
    with program(f"--url={triton.url}", f"--work_dir={tmp_path / 'work'}") as caller:
        assert caller.get("/healthz").text == "ok\n"
        assert caller.send(wav("call.wav")).status_code == 200
        caller.process.send_signal(number)
        printed, log = caller.process.communicate(timeout=60)

    assert printed == f"ready: {caller.url}\n"
    assert "Traceback" not in log


def test_a_job_survives_when_the_gateway_is_killed(triton, held, wav, tmp_path):
    flags = (f"--url={triton.url}", f"--work_dir={tmp_path / 'work'}")
    with program(*flags) as caller:
        done = caller.start(wav("first.wav"))
        wait_until(lambda: triton.calls)
        held.set()
        caller.ended(done)
        caller.ask("PUT", f"{done}/turns", json={"turns": []})
        held.clear()
        under_way = caller.start(wav("second.wav"))
        wait_until(lambda: len(triton.calls) == 2)
    held.set()

    with program(*flags) as caller:
        assert caller.ended(under_way)["state"] == "done"
        assert caller.get(f"{under_way}/result").json()["recording_id"] == "second"
        assert caller.get(f"{done}/result").json()["turns"] == []
    assert triton.ids == ["first", "second", "second"]


def test_a_stopped_gateway_leaves_its_jobs_to_the_next(settings, held, wav):
    with serving(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        wait_until(lambda: gateway.state(job) == "running")
    for _ in range(MAX_STARTS):
        with serving(settings) as gateway:
            wait_until(lambda running=gateway: running.state(job) == "running")
    held.set()

    with serving(settings) as gateway:
        assert gateway.ended(job)["state"] == "done"


def test_a_job_during_which_the_gateway_keeps_ending_fails(settings, wav):
    with serving(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        gateway.ended(job)
    record = settings.work_dir / job.removeprefix("/v1/") / "job.json"
    begun = {**json.loads(record.read_text()), "state": "running", "n_starts": MAX_STARTS}
    record.write_text(json.dumps({**begun, "ended_s": None}))

    with serving(settings) as gateway:
        assert gateway.state(job) == "failed"
        assert_problem(gateway.get(f"{job}/result"), 500, "more than once")


def test_orphaned_files_are_removed_at_the_start(settings, wav):
    with serving(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        gateway.ended(job)
    record = settings.work_dir / job.removeprefix("/v1/") / "job.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "transient": True}))
    (settings.work_dir / "uploads" / "broken-off").write_bytes(b"RIFF")
    (settings.work_dir / "jobs" / "half").mkdir()

    with serving(settings) as gateway:
        assert_problem(gateway.get(job), 404)
        assert gateway.files() == []


def test_jobs_expire_while_no_gateway_runs(settings, wav):
    with serving(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        gateway.ended(job)
    with serving(replace(settings, keep_s=0.001)) as gateway:
        assert_problem(gateway.get(job), 404)
        assert gateway.files() == []


def usage_error(*flags):
    done = subprocess.run(
        [sys.executable, APP, *map(str, flags)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    return done.stderr.splitlines()[-1]


def test_a_work_folder_in_use_is_refused(gateway):
    assert "another gateway uses" in usage_error(f"--work_dir={gateway.folder}", "--port=0")


def test_a_folder_that_others_may_read_is_refused(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    assert "others may read" in usage_error(f"--work_dir={tmp_path / 'open'}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no key"),
        ("# nothing\n   # an indented comment\n", "has no key"),
        ("short\n", "at least 16 bytes"),
        (None, "cannot read"),
    ],
)
def test_a_key_file_without_good_keys_is_refused(content, words, tmp_path):
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)

    line = usage_error(f"--api_key_file={file}", f"--work_dir={tmp_path / 'work'}")

    assert words in line
    assert "short" not in line


@pytest.mark.parametrize("flag", ["--port=70000", "--rate=-1", "--upload_mb=0", "--keep=no"])
def test_a_wrong_option_is_refused(flag):
    assert usage_error(flag).startswith("app.py: error: argument")


def test_a_port_in_use_is_reported(gateway, tmp_path):
    port = gateway.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, APP, f"--port={port}", f"--work_dir={tmp_path / 'other'}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_default():
    done = subprocess.run([sys.executable, APP, "--help"], capture_output=True, text=True)
    for words in ("default: 8080", "default: localhost:8001", "default: 3600", "default: 60"):
        assert words in done.stdout
