"""Malicious recordings, a full disk, damaged files, and a thousand jobs."""

import errno
import json
import shutil
import subprocess
import time
from dataclasses import replace

import pytest

from formats.atomic_file import OutputError
from gateways import assert_problem, serving, wait_until
from inputs import audio_files
from media_files import write_mov
from web.jobs import work_folder

DAMAGE = [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"turns": 1}', b'{"turns": [{}], "rttm": 1}']


@pytest.mark.parametrize("parameters", [{}, {"channels": "separate"}])
def test_a_decompression_bomb_is_not_decoded_to_its_end(parameters, gateway, triton, tmp_path):
    bomb = write_mov(tmp_path / "bomb.mov", declared_s=60, chunk_s=10, n_chunks=2200)

    answer = gateway.send(bomb, **parameters)

    assert_problem(answer, 422, "can read the file: its packets hold more bytes than the file")
    assert triton.calls == []
    assert gateway.files() == []


@pytest.fixture
def decoders(monkeypatch, tmp_path):
    """The decoding processes, each of which runs for ever."""
    script = tmp_path / "endless.py"
    script.write_text(
        "import sys, time\n"
        'if sys.argv[1] == "probe":\n'
        '    sys.exit(print(\'{"format": "mov", "length_s": 1.0}\'))\n'
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(audio_files, "_AV_WORKER", script)
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, command, **more):
            super().__init__(command, **more)
            if command[-1] != "probe":
                started.append(self)

    monkeypatch.setattr(audio_files.subprocess, "Popen", Watched)
    return started


def test_removing_a_job_stops_its_decoder(gateway, decoders, tmp_path):
    job = gateway.start(write_mov(tmp_path / "call.mov", declared_s=1, chunk_s=1, n_chunks=1))
    wait_until(lambda: decoders)

    assert gateway.ask("DELETE", job).status_code == 204

    wait_until(lambda: decoders[0].poll() is not None, within_s=5)
    wait_until(lambda: gateway.n_cancelled == 1)


def full_disk(*_):
    raise OutputError("cannot write /tmp/x") from OSError(errno.ENOSPC, "no space")


def test_a_full_disk_is_reported_and_leaves_no_files(settings, wav, monkeypatch):
    with serving(replace(settings, n_workers=1)) as gateway:
        job = gateway.start(wav("a.wav"))
        gateway.ended(job)
        with monkeypatch.context() as patched:
            patched.setattr(work_folder, "write_atomically", full_disk)
            refused = gateway.send(wav("a.wav"))
            correction = gateway.ask("PUT", f"{job}/turns", json={"turns": []})
        gateway.ask("DELETE", job)
        left = gateway.files()
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 507, "no room")
    assert_problem(correction, 507, "no room")
    assert left == []
    assert later.status_code == 200


def test_a_full_disk_stops_no_worker(settings, triton, held, wav, monkeypatch):
    with serving(replace(settings, n_workers=1)) as gateway:
        jobs = [gateway.start(wav("a.wav")) for _ in range(2)]
        wait_until(lambda: triton.calls)
        with monkeypatch.context() as patched:
            patched.setattr(work_folder, "write_atomically", full_disk)
            held.set()
            ended = [gateway.ended(job) for job in jobs]
        later = gateway.send(wav("a.wav"))

    assert [job["problem"]["status"] for job in ended] == [507, 507]
    assert later.status_code == 200


def path_of(gateway, job, name):
    """The path of a job's file."""
    return gateway.folder / "jobs" / job.rpartition("/")[2] / name


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_result_is_reported_with_a_remedy(damage, gateway, job, wav):
    path_of(gateway, job, "answer.json").write_bytes(damage)

    for part in ("result", "view", "report", "result?format=rttm"):
        assert_problem(gateway.get(f"{job}/{part}"), 409, "result is damaged", "send the recording")
    assert_problem(gateway.ask("PUT", f"{job}/turns", json={"turns": []}), 409, "damaged")
    assert gateway.get(job).status_code == gateway.send(wav("other.wav")).status_code == 200
    assert gateway.ask("DELETE", job).status_code == 204


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_correction_is_reported_with_a_remedy(damage, gateway, job):
    assert gateway.ask("PUT", f"{job}/turns", json={"turns": []}).status_code == 200
    path_of(gateway, job, "correction.json").write_bytes(damage)

    for part in ("result", "view", "report"):
        assert_problem(gateway.get(f"{job}/{part}"), 409, "correction is damaged", "DELETE")
    assert gateway.ask("DELETE", f"{job}/turns").status_code == 204
    assert len(gateway.get(f"{job}/result").json()["turns"]) == 1


def test_a_thousand_jobs_delay_neither_the_start_nor_an_answer(settings, held, wav):
    with serving(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        wait_until(lambda: gateway.state(job) == "running")
    job_id = job.rpartition("/")[2]
    jobs = settings.work_dir / "jobs"
    for number in range(1000):
        copy = f"{number:04}{job_id[4:]}"
        record = shutil.copytree(jobs / job_id, jobs / copy) / "job.json"
        ended = {"state": "done", "ended_s": time.time()} if number % 2 else {}
        record.write_text(json.dumps({**json.loads(record.read_bytes()), "id": copy, **ended}))

    begun_s = time.monotonic()
    with serving(settings) as gateway:
        started_s = time.monotonic() - begun_s
        states = [gateway.state(f"/v1/jobs/{number:04}{job_id[4:]}") for number in (1, 998, 999)]
        answered_s = time.monotonic() - begun_s - started_s
        gateway.get("/metrics")
        held.set()

    assert states == ["done", "queued", "done"]
    assert started_s < 5
    assert answered_s < 2
