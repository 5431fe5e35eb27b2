"""The gateway in front of the real server: real audio, many clients, an outage, cancelling."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from e2e.calls import diarize
from e2e.counters import read_counts, wait_for_metrics, wait_until
from e2e.long_recordings import repeated
from gateways import assert_problem, serving
from media_files import write_media
from server.triton_server import TritonServer

N_AT_ONCE = 20
WITHIN_S = 240
CANCELLED = ("failed_requests", "cancelled")

pytestmark = pytest.mark.triton


@pytest.fixture
def speech(sample):
    """The samples of the recording, int16."""
    return soundfile.read(sample, dtype="int16")[0]


def test_an_upload_is_answered_as_triton_answers(server, gateway, sample):
    expected = diarize(server, sample.read_bytes(), recording_id="sample").rttm

    answer = gateway.send(sample, headers={"Accept": "text/x-rttm"})

    assert gateway.get("/healthz").status_code == 200
    assert (answer.status_code, answer.text) == (200, expected)


@pytest.mark.parametrize("kind", ["m4a", "webm"])
def test_recordings_of_browsers_and_phones_are_diarized(kind, gateway, speech, tmp_path):
    file = write_media(tmp_path / f"call.{kind}", speech)

    document = gateway.send(file).json()

    assert document["audio_s"] == pytest.approx(len(speech) / 16_000, abs=0.2)
    assert len(document["speakers"]) == 2


def test_options_reach_the_server(gateway, sample):
    one = gateway.send(sample, num_speakers=1, mode="classic").json()

    assert (one["mode"], len(one["speakers"])) == ("classic", 1)
    assert_problem(gateway.send(sample, min_speakers=50, max_speakers=40), 422)


def test_channels_are_diarized_separately(gateway, speech, tmp_path):
    path = tmp_path / "call.wav"
    soundfile.write(path, np.stack([speech, np.zeros_like(speech)], axis=1), 16_000)

    turns = gateway.send(path, channels="separate").json()["turns"]

    assert {turn["channel"] for turn in turns} == {1}
    assert all(turn["speaker"].startswith("CH1_") for turn in turns)


def test_a_refusal_of_the_server_is_passed_on(gateway, speech, tmp_path):
    path = tmp_path / "call.wav"
    soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT")

    assert_problem(gateway.send(path), 422, "finite")


def test_no_concurrent_upload_is_lost(gateway, speech, tmp_path):
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, speech[6 * 16_000 : 16 * 16_000], 16_000)
    with ThreadPoolExecutor(N_AT_ONCE) as threads:
        jobs = list(
            threads.map(lambda number: gateway.start(clip, name=f"r{number}.wav"), range(N_AT_ONCE))
        )
    documents = [gateway.ended(job, WITHIN_S) for job in jobs]
    rttms = [gateway.get(f"{job}/result?format=rttm").text for job in jobs]

    assert [document["state"] for document in documents] == ["done"] * N_AT_ONCE
    assert [rttm.split()[1] for rttm in rttms] == [f"r{number}" for number in range(N_AT_ONCE)]
    assert len({rttm.replace(f" r{number} ", " ") for number, rttm in enumerate(rttms)}) == 1


def test_removing_a_job_stops_the_work_in_triton(server, gateway, sample, tmp_path):
    wait_for_metrics(server)
    before = read_counts(server)
    path = tmp_path / "long.wav"
    path.write_bytes(repeated(sample, 40))
    job = gateway.start(path)
    wait_until(lambda: gateway.state(job) == "running")

    assert gateway.ask("DELETE", job).status_code == 204

    wait_until(lambda: read_counts(server)[CANCELLED] > before[CANCELLED])
    assert gateway.files() == []


@pytest.mark.slow  # in every run: the page in an outage, and the client with a killed server
def test_a_job_survives_a_killed_server(settings, sample, tmp_path):
    path = tmp_path / "long.wav"
    path.write_bytes(repeated(sample, 6))
    with (
        TritonServer(tmp_path / "tritonserver.log") as server,
        serving(replace(settings, url=server.url)) as gateway,
    ):
        job = gateway.start(path)
        wait_until(lambda: gateway.state(job) == "running")
        server.kill(drain_s=0)
        assert_problem(gateway.get("/healthz"), 503)
        assert gateway.state(job) in ("uploading", "running")
        server.start()

        document = gateway.ended(job, WITHIN_S)

        assert document["state"] == "done"
        assert gateway.get("/healthz").status_code == 200
        turns = gateway.get(f"{job}/result").json()["turns"]
    assert turns[-1]["end_s"] > 5 * 30
