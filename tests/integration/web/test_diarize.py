"""POST /v1/diarize: what goes to Triton, what comes back, and that nothing is left."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import grpc
import pytest
from jsonschema import Draft202012Validator
from requests.models import PreparedRequest

from formats import FORMATS, TOKENS
from formats.result import Result, Turn
from gateways import Caller, assert_problem, serving, wait_until
from inputs.audio_files import AudioError
from integration.client_fake_server import RefusalError, one_turn
from made_media import noise, write_media
from sending.service import Service

RESULT = Result("call", (Turn(0, 1000, "SPEAKER_00", 0.75),), 30_000, "full")
BY_ACCEPT = {
    "application/json": "json",
    "text/x-rttm": "rttm",
    "text/plain": "rttm",
    "text/vtt": "vtt",
    "application/x-subrip": "srt",
    "text/csv": "csv",
}


def expected(token):
    if token == "rttm":
        return "SPEAKER call 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
    return FORMATS[token].text(RESULT)


@pytest.mark.parametrize("accept", BY_ACCEPT)
def test_accept_chooses_the_format(accept, gateway, wav):
    answer = gateway.send(wav("call.wav"), headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.text == expected(BY_ACCEPT[accept])
    assert answer.headers["Content-Type"].split(";")[0] == accept
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("token", TOKENS)
def test_the_query_chooses_every_format_whatever_accept_says(token, gateway, wav):
    answer = gateway.send(
        wav("call.wav"), headers={"Accept": "image/png"}, query=f"?format={token}"
    )

    assert answer.status_code == 200
    assert answer.text == expected(token)


def test_without_a_wish_it_is_json_as_its_schema_has_it(gateway, wav):
    schema = gateway.get("/openapi.json").json()["components"]["schemas"]["Turns"]

    answer = gateway.send(wav("call.wav"))

    Draft202012Validator(schema).validate(answer.json())
    assert answer.headers["Content-Disposition"] == "inline; filename*=UTF-8''call.json"


def test_what_is_not_acceptable_is_refused_before_anything_is_read(gateway, triton, wav):
    answer = gateway.send(wav("call.wav"), headers={"Accept": "image/png"})

    assert_problem(answer, 406, "text/vtt", "textgrid")
    assert triton.calls == []


def test_the_file_and_the_options_reach_triton(gateway, triton, wav):
    file = wav("call.wav")
    given = {"mode": "classic", "exclusive": "true", "num_speakers": "3", "min_speakers": ""}

    gateway.send(file, recording_id="my_call", **given)

    (call,) = triton.calls
    assert call.audio == file.read_bytes()
    assert call.recording_id == "my_call"
    assert call.parameters == {"mode": "classic", "exclusive": True, "num_speakers": 3}


@pytest.mark.parametrize(
    ("name", "recording_id"),
    [
        ("My call.wav", "My_call"),
        ("../../etc/passwd.wav", "passwd"),
        ("$(touch x);`id`.wav", "$(touch_x);`id`"),
        ("x" * 300 + ".wav", "recording"),
        ("...", "..."),
        ("наш разговор.wav", "наш_разговор"),
        ("invoice\u202egpj.wav", "invoice_gpj"),
        ("a\0b.wav", "a_b"),
    ],
)
def test_a_name_becomes_an_id_and_never_a_path(name, recording_id, gateway, triton, wav):
    answer = gateway.send(wav("call.wav"), name)

    assert answer.json()["recording_id"] == recording_id
    assert [call.recording_id for call in triton.calls] == [recording_id]
    assert gateway.files() == []


@pytest.mark.parametrize("kind", ["m4a", "webm"])
def test_what_libsndfile_cannot_read_is_decoded(kind, gateway, triton, tmp_path):
    answer = gateway.send(write_media(tmp_path / f"call.{kind}", noise(32_000)))

    assert answer.status_code == 200
    assert triton.calls[0].audio.startswith(b"fLaC")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "quick"),
        ("exclusive", "perhaps"),
        ("exclusive", "1"),
        ("num_speakers", "0"),
        ("num_speakers", "101"),
        ("max_speakers", "two"),
        ("channels", "left"),
        ("recording_id", "my call"),
        ("recording_id", "a\0b"),
        ("recording_id", "a\u202eb"),
        ("speakers", "2"),
    ],
)
def test_a_wrong_field_is_named(field, value, gateway, triton, wav):
    body = assert_problem(gateway.send(wav("call.wav"), **{field: value}), 422, field)

    assert [error["field"] for error in body["errors"]] == [field]
    assert triton.calls == []
    assert gateway.files() == []


def test_numbers_of_speakers_that_contradict_each_other_are_refused(gateway, wav):
    answer = gateway.send(wav("call.wav"), min_speakers=3, max_speakers=2)

    assert_problem(answer, 422, "min_speakers <= num_speakers <= max_speakers")


def test_what_is_no_audio_is_refused(gateway, triton, tmp_path):
    (tmp_path / "call.wav").write_text("this is no audio")

    assert_problem(gateway.send(tmp_path / "call.wav"), 415, "no audio")
    assert triton.calls == []
    assert gateway.files() == []


def test_a_list_that_names_another_file_does_not_get_it(gateway, triton, tmp_path):
    write_media(gateway.folder / "uploads" / "other.m4a", noise(32_000))
    (tmp_path / "call.m4a").write_text("ffconcat version 1.0\nfile other.m4a\n")

    assert_problem(gateway.send(tmp_path / "call.m4a"), 415, "no audio")
    assert triton.calls == []


def test_what_triton_refuses_is_told_as_it_says(gateway, triton, wav):
    def refuse(call):
        raise RefusalError("AUDIO: got 3 hours, expected at most 2")

    triton.reply = refuse

    assert_problem(gateway.send(wav("call.wav")), 422, "got 3 hours, expected at most 2")
    assert gateway.files() == []


def test_what_fails_in_triton_is_no_fault_of_the_caller(gateway, triton, wav):
    triton.reply = lambda call: {"INFO": "{}"}

    assert_problem(gateway.send(wav("call.wav")), 502, "no RTTM")


def test_neither_log_nor_problem_of_a_job_that_failed_tells_its_id(
    gateway, wav, monkeypatch, caplog
):
    def refuse(path, **_):
        raise AudioError(f"{path}: cannot be read")

    monkeypatch.setattr("web.jobs.runner.encoded_bytes", refuse)
    job = gateway.start(wav("call.wav"))

    document = gateway.ended(job)

    assert document["problem"]["detail"] == "the file: cannot be read"
    assert "job call failed: the file: cannot be read" in caplog.text
    assert document["id"] not in caplog.text


def test_a_server_that_is_away_is_waited_for(gateway, triton, wav):
    def away_once(call):
        if len(triton.calls) == 1:
            raise RefusalError("Server is stopping", grpc.StatusCode.UNAVAILABLE)
        return one_turn(call)

    triton.reply = away_once

    assert gateway.send(wav("call.wav")).status_code == 200
    assert len(triton.calls) == 2


def test_a_server_that_stays_away_is_told(settings, wav, triton):
    with serving(replace(settings, url="127.0.0.1:9", retry_for_s=0.2)) as gateway:
        answer = gateway.send(wav("call.wav"))
        health = gateway.get("/healthz")

    assert_problem(answer, 503, "no connection to the server")
    assert_problem(health, 503, "not ready")
    assert "127.0.0.1:9" not in health.text


def test_who_asks_a_server_that_does_not_answer_holds_nobody_up(gateway, wav, monkeypatch):
    asked, go_on = [], threading.Event()

    class Slow(Service):
        def check(self):
            asked.append(self)
            assert go_on.wait(60)

    monkeypatch.setattr("web.gateway.Service", Slow)
    with ThreadPoolExecutor(50) as threads:
        askers = [threads.submit(Caller(gateway.url).get, "/healthz") for _ in range(50)]
        wait_until(lambda: asked)
        answer = gateway.send(wav("call.wav"))
        go_on.set()
        health = {asker.result().status_code for asker in askers}

    assert answer.status_code == 200
    assert health == {200}


def test_a_caller_who_hangs_up_cancels_the_work(gateway, triton, wav):
    held = threading.Event()
    triton.reply = lambda call: held.wait(60) and one_turn(call)
    prepared = PreparedRequest()
    with wav("call.wav").open("rb") as content:
        prepared.prepare("POST", gateway.url + "/v1/diarize", files={"file": content})
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc)
    connection.request("POST", "/v1/diarize", prepared.body, dict(prepared.headers))
    wait_until(lambda: triton.calls)
    connection.close()

    try:
        wait_until(
            lambda: 'jobs_ended_total{state="cancelled"} 1.0' in gateway.get("/metrics").text
        )
        assert gateway.files() == []
    finally:
        held.set()


def test_nothing_is_left_of_what_was_answered(gateway, wav):
    gateway.send(wav("call.wav"))

    assert gateway.files() == []
    assert list((gateway.folder / "jobs").iterdir()) == []
