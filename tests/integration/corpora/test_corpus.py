"""The corpus program with a real Ray on this machine and fake servers."""

import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack

import grpc
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from file_server import serving as serving_files
from integration.client_fake_server import FakeTriton, RefusalError, one_turn
from server.triton_server import ROOT

FULL = RefusalError("Exceeds maximum queue size", grpc.StatusCode.UNAVAILABLE)
WRONG = RefusalError("AUDIO: got noise", grpc.StatusCode.INVALID_ARGUMENT)
IDS = [f"r{number:02}" for number in range(30)]
PROGRAM = ROOT / "client" / "corpus.py"
JOBS = 4  # the default of --jobs
NOWHERE = "127.0.0.1:9"

pytestmark = pytest.mark.timeout(300)


def answer(call):
    """One turn of a speaker whose voice depends on the last digit of the id."""
    return {
        "RTTM": one_turn(call),
        "INFO": json.dumps({"audio_s": 36.0, "speaker_network": "net"}),
        "CONFIDENCE": [0.75],
        "LABELS": np.array([[[0, 1, 0]]]),
        "EMBEDDINGS": np.eye(10)[[int(call.recording_id[-1])]],
    }


@pytest.fixture
def tritons():
    with ExitStack() as stack:
        yield [stack.enter_context(FakeTriton(answer)) for _ in range(2)]


@pytest.fixture
def run(tritons, tmp_path):
    """A function that runs the program with both servers; returns exit status and messages."""
    urls = ",".join(triton.url for triton in tritons)

    def run_corpus(manifest, *options):
        words = ["--manifest", manifest, "--output", tmp_path / "corpus", "--servers", urls]
        command = [sys.executable, PROGRAM, *map(str, words), *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    return run_corpus


def rows(folder, name):
    return pq.read_table(folder / "corpus" / f"{name}.parquet").to_pylist()


def sent(tritons):
    return sorted(name for triton in tritons for name in triton.ids)


def test_failures_are_rows_and_the_same_command_continues(run, tritons, wav_scp, tmp_path):
    manifest = wav_scp(*IDS, "m00")
    (tmp_path / "m00.wav").unlink()
    troubles = {"r03": WRONG, "r07": FULL}

    def reply(call):
        if trouble := troubles.get(call.recording_id):
            raise trouble
        return answer(call)

    for triton in tritons:
        triton.reply = reply
    status, err = run(manifest, "--retry_for=0", "--num_speakers=2")
    assert status == 1
    assert {each["recording"]: each["failure"] for each in rows(tmp_path, "failures")} == {
        "r03": "refused",
        "r07": "unavailable",
        "m00": "unreadable",
    }
    assert "r03: AUDIO: got noise" in err
    assert "1 failed: refused" in err
    assert "28 of 31 recordings have a result" in err
    assert min(len(triton.ids) for triton in tritons) >= 5
    assert all(call.parameters == {"num_speakers": 2} for call in tritons[0].calls)
    assert max(triton.n_most_at_once for triton in tritons) <= 8

    before = sent(tritons)
    troubles.clear()
    (tmp_path / "m00.wav").write_bytes((tmp_path / "r00.wav").read_bytes())
    status, err = run(manifest, "--num_speakers=2", "--link_speakers", "--segments=nemo")
    assert status == 0
    assert sorted(sent(tritons)) == sorted([*before, "m00", "r03", "r07"])
    turns = rows(tmp_path, "turns")
    assert sorted(turn["recording"] for turn in turns) == sorted([*IDS, "m00"])
    assert len({turn["speaker"] for turn in turns}) == 10
    assert rows(tmp_path, "failures") == []
    assert (tmp_path / "corpus" / "nemo.jsonl").read_text().count("\n") == 31
    assert "10 voices of 31 speakers (net)" in err

    status, err = run(manifest)
    assert status == 2
    assert "expected the same options, or another --output" in err


@pytest.mark.slow
def test_a_killed_actor_repeats_only_what_it_had_in_flight(run, tritons, wav_scp, tmp_path):
    ids = [f"r{number:03}" for number in range(120)]
    killed = threading.Event()

    def reply(call):
        with counting:
            first = sum(len(triton.ids) for triton in tritons) > 40 and not killed.is_set()
            if first:
                killed.set()
                victim = next(
                    process
                    for process in psutil.process_iter(["cmdline"])
                    if "".join(process.info["cmdline"] or ()).startswith("ray::MapWorker")
                )
                victim.kill()
        return answer(call)

    counting = threading.Lock()
    for triton in tritons:
        triton.reply = reply
    status, err = run(wav_scp(*ids))
    assert status == 0, err
    assert killed.is_set()
    times = Counter(sent(tritons))
    assert set(times) == set(ids)
    assert sum(times.values()) <= len(ids) + 2 * JOBS
    assert sorted(turn["recording"] for turn in rows(tmp_path, "turns")) == ids


def test_audio_is_fetched_where_it_is(run, tritons, wav, tmp_path):
    content = wav("a.wav").read_bytes()
    with serving_files({"a.wav": content}) as files:
        (tmp_path / "list.jsonl").write_text(
            "".join(json.dumps({"id": f"r{n}", "path": f"{files.url}/{name}"}) + "\n"
                    for n, name in enumerate(["a.wav", "none.wav"]))
        )  # fmt: skip
        assert run(tmp_path / "list.jsonl")[0] == 1
    (call,) = tritons[0].calls + tritons[1].calls
    assert call.audio == content
    (failure,) = rows(tmp_path, "failures")
    assert (failure["recording"], failure["failure"]) == ("r1", "unreadable")


def test_a_wrong_manifest_and_servers_that_are_away_are_one_sentence(run, tmp_path, wav_scp):
    manifest = wav_scp("a")
    for status, text, *options in [
        (2, "cannot read", "--manifest", tmp_path / "none.scp"),
        (1, f"no Triton server answers gRPC at {NOWHERE}", "--servers", NOWHERE),
        (1, f"no Ray cluster at {NOWHERE}", "--address", NOWHERE),
    ]:
        got, err = run(manifest, *options)
        assert got == status
        assert text in err
