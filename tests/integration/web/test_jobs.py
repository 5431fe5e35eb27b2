"""Jobs: progress, result, audio, corrections, cancelling, expiry, and whose they are."""

import base64
import json
import threading
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from gateways import Caller, Clock, assert_problem, serving, wait_until
from integration.client_fake_server import RefusalError, one_turn
from made_media import noise, write_media
from web.jobs import results
from web.jobs.results import MAX_SPEAKERS

ANA = {"start_s": 0.25, "end_s": 0.75, "speaker": "Ana María"}


@pytest.fixture
def held(triton):
    """Triton answers when this is set."""
    event = threading.Event()
    triton.reply = lambda call: event.wait(60) and one_turn(call)
    yield event
    event.set()


@pytest.fixture
def job(gateway, wav):
    """A job that is done; its path."""
    path = gateway.start(wav("call.wav"))
    assert gateway.ended(path)["state"] == "done"
    return path


def test_a_long_recording_becomes_a_job_of_its_own_accord(settings, wav):
    with serving(replace(settings, long_s=0.1)) as gateway:
        short, long = gateway.send(wav("a.wav", 1600)), gateway.send(wav("b.wav", 1601))

    assert (short.status_code, long.status_code) == (200, 202)
    assert "Preference-Applied" not in long.headers


def test_a_recording_that_does_not_tell_its_length_counts_by_its_size(settings, tmp_path):
    path = write_media(tmp_path / "call.webm", noise(16_000))
    with serving(replace(settings, long_s=2)) as gateway:
        assert gateway.send(path).status_code == 200
        # A browser that records cannot go back to write the length: here its element is another.
        path.write_bytes(path.read_bytes().replace(b"\x44\x89", b"\x44\x8a", 1))
        answer = gateway.send(path)

    assert answer.status_code == 202
    assert answer.json()["audio"]["audio_s"] is None
    assert answer.json()["progress"]["estimated_remaining_s"] is None


def test_a_job_is_described_from_its_queue_to_its_end(settings, triton, held, wav):
    with serving(replace(settings, n_workers=1)) as gateway:
        answer = gateway.send(
            wav("call.wav", 16_000), headers={"Prefer": "respond-async"}, num_speakers=2
        )
        first, second, third = (
            answer.headers["Location"],
            *(gateway.start(wav("call.wav", 32_000)) for _ in range(2)),
        )
        wait_until(lambda: gateway.state(first) == "running")
        running, waiting = gateway.get(first).json(), gateway.get(third).json()
        behind = gateway.get(second).json()["progress"]["estimated_remaining_s"]
        held.set()
        done = gateway.ended(first)
        gateway.ended(third)
        schema = gateway.get("/openapi.json").json()

    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.json()["id"] in first
    assert running["progress"]["queue_position"] is None
    assert running["progress"]["elapsed_s"] >= 0
    assert running["options"] == {"num_speakers": 2}
    assert running["audio"] == {"n_bytes": 32_044, "audio_s": 1.0, "media_type": "audio/wav"}
    assert running["progress"]["sent_bytes"] == 32_044
    assert waiting["progress"]["sent_bytes"] == 0
    assert waiting["state"] == "queued"
    assert waiting["progress"]["queue_position"] == 2
    assert waiting["progress"]["estimated_remaining_s"] > behind > 0
    assert done["state"] == "done"
    assert done["audio"]["audio_s"] == 30.0  # as Triton told it
    assert done["progress"]["estimated_remaining_s"] is None
    assert done["expires_at"] > done["created_at"]
    described = {"$ref": "#/components/schemas/JobDocument", "components": schema["components"]}
    for document in (running, waiting, done):
        Draft202012Validator(described).validate(document)


@pytest.mark.parametrize("accept", ["text/vtt", "application/json", "text/x-rttm"])
def test_a_result_is_what_the_short_way_gives(accept, gateway, job, wav):
    headers = {"Accept": accept}

    result = gateway.get(f"{job}/result", headers=headers)

    assert result.status_code == 200
    assert result.content == gateway.send(wav("call.wav"), headers=headers).content
    assert result.headers["Cache-Control"] == "no-store"


def test_a_result_that_is_not_there_yet_is_told(gateway, held, wav):
    job = gateway.start(wav("call.wav"))

    answer = gateway.get(f"{job}/result")

    assert_problem(answer, 409, "not done")
    assert answer.headers["Retry-After"] == "1"


def test_a_job_that_failed_says_why(gateway, triton, wav):
    def refuse(call):
        raise RefusalError("AUDIO: too long")

    triton.reply = refuse
    job = gateway.start(wav("call.wav"))

    document = gateway.ended(job)

    assert document["state"] == "failed"
    assert document["problem"]["status"] == 422
    assert_problem(gateway.get(f"{job}/result"), 422, "AUDIO: too long")
    assert gateway.get(f"{job}/audio").status_code == 200


def test_a_player_gets_the_audio_in_ranges(gateway, job, wav):
    content = wav("call.wav").read_bytes()

    whole, part = (
        gateway.get(f"{job}/audio"),
        gateway.get(f"{job}/audio", headers={"Range": "bytes=10-19"}),
    )
    beyond = gateway.get(f"{job}/audio", headers={"Range": "bytes=9999999-"})

    assert whole.content == content
    assert whole.headers["Content-Type"] == "audio/wav"
    assert (part.status_code, part.content) == (206, content[10:20])
    assert_problem(beyond, 416)
    assert beyond.headers["Content-Range"] == f"bytes */{len(content)}"


def test_the_viewer_gets_the_turns_that_hold_and_the_waveform(gateway, wav):
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


def test_doubt_about_the_number_of_speakers_outlives_corrections(gateway, triton, wav):
    told = {"unlike_share": 0.071, "more_speakers_likely": True}
    info = json.dumps({"audio_s": 1.0, "mode": "full", **told})
    triton.reply = lambda call: {"RTTM": one_turn(call), "INFO": info, "CONFIDENCE": [0.75]}
    job = gateway.start(wav("call.wav", 16_000))
    gateway.ended(job)

    for turns in ([], [ANA]):
        if turns:
            gateway.ask("PUT", f"{job}/turns", json={"turns": turns})
        document = gateway.get(f"{job}/result").json()
        assert {name: document[name] for name in told} == told
        assert "7 % of the speech" in gateway.get(f"{job}/view").json()["doubt"]
        assert "7 % of the speech" in gateway.get(f"{job}/report").text


def test_corrected_turns_are_in_every_result_from_then_on(gateway, job):
    turns = [ANA, {"start_s": 0, "end_s": 0.2, "speaker": "SPEAKER_00", "confidence": 0.75}]

    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": turns})

    document = gateway.get(f"{job}/result").json()
    assert answer.status_code == 200
    assert answer.json() == document
    assert document["turns"] == [turns[1], {**ANA, "confidence": 1.0}]
    assert gateway.get(job).json()["corrected"] is True
    assert gateway.get(f"{job}/result?format=rttm").text == (
        "SPEAKER call 1 0.000 0.200 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER call 1 0.250 0.500 <NA> <NA> Ana_María <NA> <NA>\n"
    )
    assert "Ana María" in gateway.get(f"{job}/result?format=srt").text


def test_a_correction_can_be_forgotten(gateway, job):
    before = gateway.get(f"{job}/result").content
    gateway.ask("PUT", f"{job}/turns", json={"turns": []})
    assert gateway.get(f"{job}/result").json()["turns"] == []

    assert gateway.ask("DELETE", f"{job}/turns").status_code == 204

    assert gateway.get(f"{job}/result").content == before
    assert gateway.get(job).json()["corrected"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start_s": 0.75}, "turns.0"),
        ({"end_s": 30.001}, "turns.0"),
        ({"start_s": -1}, "turns.0.start_s"),
        ({"start_s": "soon"}, "turns.0.start_s"),
        ({"speaker": ""}, "turns.0.speaker"),
        ({"speaker": "Ana\nSPEAKER x"}, "turns.0.speaker"),
        ({"speaker": "x" * 101}, "turns.0.speaker"),
        ({"speaker": "Ana\0"}, "turns.0.speaker"),
        ({"speaker": "Ana\u00a0M."}, "turns.0.speaker"),
        ({"speaker": "Ana\u202e"}, "turns.0.speaker"),
        ({"speaker": "Ana\u200b"}, "turns.0.speaker"),
        ({"confidence": 2}, "turns.0.confidence"),
        ({"colour": "red"}, "turns.0.colour"),
    ],
)
def test_a_wrong_turn_is_named_and_changes_nothing(change, field, gateway, job):
    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": [{**ANA, **change}]})

    assert assert_problem(answer, 422)["errors"][0]["field"] == field
    assert gateway.get(job).json()["corrected"] is False


def test_what_a_name_may_not_hold_is_told_escaped(gateway, job):
    turn = {**ANA, "speaker": "Ana\u202eb\0"}

    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": [turn]})

    told = r"name 'Ana\u202eb\x00' holds '\u202e', expected no control character, direction mark"
    assert_problem(answer, 422, told)


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "Ana María"])
def test_a_name_is_kept_with_the_joiners_of_its_script(name, gateway, job):
    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": [{**ANA, "speaker": name}]})

    assert answer.json()["turns"][0]["speaker"] == name


def test_more_speakers_than_anybody_hears_are_refused_and_the_most_are_kept(gateway, job):
    turns = [
        {"start_s": n / 1000, "end_s": (n + 1) / 1000, "speaker": f"S{n}"}
        for n in range(MAX_SPEAKERS + 1)
    ]

    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": turns})

    assert_problem(answer, 422, "turns of 1001 speakers, expected at most 1000")
    assert gateway.ask("PUT", f"{job}/turns", json={"turns": turns[1:]}).status_code == 200


def test_as_many_speakers_as_were_found_are_kept(gateway, job, monkeypatch):
    monkeypatch.setattr(results, "MAX_SPEAKERS", 0)

    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": [ANA]})

    assert answer.status_code == 200


def test_names_that_rttm_cannot_tell_apart_are_refused(gateway, job):
    turns = [ANA, {**ANA, "speaker": "Ana_María"}]

    assert_problem(gateway.ask("PUT", f"{job}/turns", json={"turns": turns}), 422, "one in RTTM")


def test_a_correction_that_is_no_json_is_refused(gateway, job):
    assert_problem(gateway.ask("PUT", f"{job}/turns", data=b"{turns"), 422, "Invalid JSON")


def test_cancelling_stops_triton_and_removes_the_files(gateway, triton, held, wav):
    job = gateway.start(wav("call.wav"))
    wait_until(lambda: triton.calls)

    assert gateway.ask("DELETE", job).status_code == 204

    for path in ("", "/result", "/audio"):
        assert_problem(gateway.get(job + path), 404)
    assert gateway.files() == []
    wait_until(lambda: triton.n_cancelled == 1)
    wait_until(lambda: 'jobs_ended_total{state="cancelled"} 1.0' in gateway.get("/metrics").text)


def test_a_job_that_waits_is_cancelled_without_triton(settings, triton, held, wav):
    with serving(replace(settings, n_workers=1)) as gateway:
        gateway.start(wav("a.wav"))
        second = gateway.start(wav("b.wav"))
        wait_until(lambda: triton.calls)
        gateway.ask("DELETE", second)
        assert_problem(gateway.get(second), 404)
        held.set()
        assert gateway.send(wav("c.wav")).status_code == 200

    assert triton.ids == ["a", "c"]


def test_a_job_that_ended_is_removed_altogether(gateway, job):
    assert gateway.ask("DELETE", job).status_code == 204

    for path in ("", "/result", "/audio"):
        assert_problem(gateway.get(job + path), 404)
    assert gateway.files() == []


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


def test_a_job_is_seen_by_nobody_who_does_not_know_its_id(gateway, job):
    other = Caller(gateway.url)

    listing = other.get("/v1/jobs")
    guessed = other.get(job[:-1] + ("a" if job[-1] != "a" else "b"))

    assert_problem(listing, 404)
    assert_problem(guessed, 404)
    assert len(job.removeprefix("/v1/jobs/")) == 43


def test_two_callers_have_jobs_of_their_own(gateway, wav):
    one, other = Caller(gateway.url), Caller(gateway.url)
    jobs = [one.start(wav("one.wav")), other.start(wav("other.wav"))]
    one.ask("DELETE", jobs[0])

    assert other.ended(jobs[1])["recording_id"] == "other"
    assert jobs[0] != jobs[1]
