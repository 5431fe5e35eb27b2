"""Jobs: progress, result, audio, view, cancelling, removal, expiry, and privacy."""

import base64
import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from gateways import Caller, Clock, assert_problem, serving, wait_until
from integration.client_fake_server import RefusalError, one_turn
from media_files import noise, write_media

ANA = {"start_s": 0.25, "end_s": 0.75, "speaker": "Ana María"}


def test_a_long_recording_becomes_a_job(settings, wav):
    with serving(replace(settings, long_s=0.1)) as gateway:
        short, long = gateway.send(wav("a.wav", 1600)), gateway.send(wav("b.wav", 1601))

    assert (short.status_code, long.status_code) == (200, 202)
    assert "Preference-Applied" not in long.headers


def test_a_recording_without_a_length_is_judged_by_its_size(settings, tmp_path):
    path = write_media(tmp_path / "call.webm", noise(16_000))
    with serving(replace(settings, long_s=2)) as gateway:
        assert gateway.send(path).status_code == 200
        # A browser that records cannot go back to write the length: here its element is another.
        path.write_bytes(path.read_bytes().replace(b"\x44\x89", b"\x44\x8a", 1))
        answer = gateway.send(path)

    assert answer.status_code == 202
    assert answer.json()["audio"]["audio_s"] is None
    assert answer.json()["progress"]["estimated_remaining_s"] is None


def test_a_job_is_described_from_the_queue_to_its_end(settings, held, wav):
    with serving(replace(settings, n_workers=1)) as gateway:
        answer = gateway.send(
            wav("call.wav", 16_000), headers={"Prefer": "respond-async"}, num_speakers=2
        )
        first = answer.headers["Location"]
        second, third = (gateway.start(wav("call.wav", 32_000)) for _ in range(2))
        wait_until(lambda: gateway.state(first) == "running")
        running, waiting = gateway.get(first).json(), gateway.get(third).json()
        ahead = gateway.get(second).json()
        held.set()
        done = gateway.ended(first)
        gateway.ended(third)
        schema = gateway.get("/openapi.json").json()

    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.json()["id"] in first
    assert running["options"] == {"num_speakers": 2}
    assert running["audio"] == {"n_bytes": 32_044, "audio_s": 1.0, "media_type": "audio/wav"}
    assert running["progress"]["queue_position"] is None
    assert running["progress"]["elapsed_s"] >= 0
    assert running["progress"]["sent_bytes"] == 32_044
    assert waiting["state"] == "queued"
    assert waiting["progress"]["sent_bytes"] == 0
    assert waiting["progress"]["queue_position"] == 2
    remaining_s = [each["progress"]["estimated_remaining_s"] for each in (waiting, ahead)]
    assert remaining_s[0] > remaining_s[1] > 0
    assert done["state"] == "done"
    assert done["audio"]["audio_s"] == 30.0  # from Triton
    assert done["progress"]["estimated_remaining_s"] is None
    assert done["expires_at"] > done["created_at"]
    described = {"$ref": "#/components/schemas/JobDocument", "components": schema["components"]}
    for document in (running, waiting, done):
        Draft202012Validator(described).validate(document)


@pytest.mark.parametrize("accept", ["text/vtt", "application/json", "text/x-rttm"])
def test_the_result_of_a_job_is_that_of_a_short_recording(accept, gateway, job, wav):
    headers = {"Accept": accept}

    result = gateway.get(f"{job}/result", headers=headers)

    assert result.status_code == 200
    assert result.content == gateway.send(wav("call.wav"), headers=headers).content
    assert result.headers["Cache-Control"] == "no-store"


def test_a_job_that_is_not_done_has_no_result(gateway, held, wav):
    answer = gateway.get(f"{gateway.start(wav('call.wav'))}/result")

    assert_problem(answer, 409, "not done")
    assert answer.headers["Retry-After"] == "1"


def test_a_failed_job_reports_its_problem(gateway, triton, wav):
    def refuse(call):
        raise RefusalError("AUDIO: too long")

    triton.reply = refuse
    job = gateway.start(wav("call.wav"))

    document = gateway.ended(job)

    assert document["state"] == "failed"
    assert document["problem"]["status"] == 422
    assert_problem(gateway.get(f"{job}/result"), 422, "AUDIO: too long")
    assert gateway.get(f"{job}/audio").status_code == 200


def test_the_audio_is_served_in_ranges(gateway, job, wav):
    content = wav("call.wav").read_bytes()

    whole, part, beyond = (
        gateway.get(f"{job}/audio", headers=headers)
        for headers in ({}, {"Range": "bytes=10-19"}, {"Range": "bytes=9999999-"})
    )

    assert whole.content == content
    assert whole.headers["Content-Type"] == "audio/wav"
    assert (part.status_code, part.content) == (206, content[10:20])
    assert_problem(beyond, 416)
    assert beyond.headers["Content-Range"] == f"bytes */{len(content)}"


def test_the_view_has_the_current_turns_and_the_waveform(gateway, wav):
    job = gateway.start(wav("call.wav", 16_000))
    gateway.ended(job)
    before = gateway.get(f"{job}/view").json()
    gateway.ask("PUT", f"{job}/turns", json={"turns": [ANA]})

    after = gateway.get(f"{job}/view").json()

    assert before["schema"] == "diarization-view/1"
    assert before["peaks"] == after["peaks"]
    assert before["peaks"]["per_s"] == 100
    assert base64.b64decode(before["peaks"]["data"]) == bytes(100)  # a second of silence
    assert [turn["speaker"] for turn in before["turns"]] == ["SPEAKER_00"]
    assert [turn["speaker"] for turn in after["turns"]] == ["Ana María"]


def test_doubt_about_the_number_of_speakers_survives_a_correction(gateway, triton, wav):
    doubt = {"unlike_share": 0.071, "more_speakers_likely": True}
    info = json.dumps({"audio_s": 1.0, "mode": "full", **doubt})
    triton.reply = lambda call: {"RTTM": one_turn(call), "INFO": info, "CONFIDENCE": [0.75]}
    job = gateway.start(wav("call.wav", 16_000))
    gateway.ended(job)

    for turns in ([], [ANA]):
        if turns:
            gateway.ask("PUT", f"{job}/turns", json={"turns": turns})
        document = gateway.get(f"{job}/result").json()
        assert {name: document[name] for name in doubt} == doubt
        assert "7 % of the speech" in gateway.get(f"{job}/view").json()["doubt"]
        assert "7 % of the speech" in gateway.get(f"{job}/report").text


def assert_gone(gateway, job):
    for path in ("", "/result", "/audio"):
        assert_problem(gateway.get(job + path), 404)
    assert gateway.files() == []


def test_removing_a_running_job_cancels_it_in_triton(gateway, triton, held, wav):
    job = gateway.start(wav("call.wav"))
    wait_until(lambda: triton.calls)

    assert gateway.ask("DELETE", job).status_code == 204

    assert_gone(gateway, job)
    wait_until(lambda: triton.n_cancelled == 1)
    wait_until(lambda: gateway.n_cancelled == 1)


def test_a_waiting_job_is_cancelled_without_triton(settings, triton, held, wav):
    with serving(replace(settings, n_workers=1)) as gateway:
        gateway.start(wav("a.wav"))
        second = gateway.start(wav("b.wav"))
        wait_until(lambda: triton.calls)
        gateway.ask("DELETE", second)
        assert_problem(gateway.get(second), 404)
        held.set()
        assert gateway.send(wav("c.wav")).status_code == 200

    assert triton.ids == ["a", "c"]


def test_a_job_that_is_done_can_be_removed(gateway, job):
    assert gateway.ask("DELETE", job).status_code == 204

    assert_gone(gateway, job)


def test_jobs_expire(settings, wav):
    clock = Clock()
    with serving(settings, clock) as gateway:
        job = gateway.start(wav("call.wav"))
        gateway.ended(job)
        clock.leap_s = settings.keep_s - 5
        assert gateway.state(job) == "done"

        clock.leap_s = settings.keep_s + 5

        assert_problem(gateway.get(job), 404, "expired")
        assert gateway.files() == []


def test_a_job_is_visible_only_to_those_who_know_its_id(gateway, job):
    other = Caller(gateway.url)

    assert_problem(other.get("/v1/jobs"), 404)
    assert_problem(other.get(job[:-1] + ("a" if job[-1] != "a" else "b")), 404)
    assert len(job.removeprefix("/v1/jobs/")) == 43


def test_clients_have_their_own_jobs(gateway, wav):
    one, other = Caller(gateway.url), Caller(gateway.url)
    jobs = [one.start(wav("one.wav")), other.start(wav("other.wav"))]
    one.ask("DELETE", jobs[0])

    assert other.ended(jobs[1])["recording_id"] == "other"
    assert jobs[0] != jobs[1]
