"""POST /v1/diarize: what is sent to Triton, what is answered, and that no files are left."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import pytest
from jsonschema import Draft202012Validator

from formats import FORMATS, TOKENS
from formats.result import Result, Turn
from gateways import (
    FILE_HEAD,
    FORM_END,
    Caller,
    assert_problem,
    begin_upload,
    serving,
    wait_until,
)
from inputs.audio_files import AudioError
from integration.client_fake_server import RefusalError, one_turn
from media_files import noise, write_media
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
def test_the_query_chooses_any_format_and_takes_precedence(token, gateway, wav):
    answer = gateway.send(
        wav("call.wav"), headers={"Accept": "image/png"}, query=f"?format={token}"
    )

    assert answer.status_code == 200
    assert answer.text == expected(token)


def test_the_default_is_json_of_its_schema(gateway, wav):
    schema = gateway.get("/openapi.json").json()["components"]["schemas"]["Turns"]

    answer = gateway.send(wav("call.wav"))

    Draft202012Validator(schema).validate(answer.json())
    assert answer.headers["Content-Disposition"] == "inline; filename*=UTF-8''call.json"


def test_no_acceptable_format_is_refused_before_the_body_is_read(gateway, triton, wav):
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
def test_formats_unknown_to_libsndfile_are_decoded(kind, gateway, triton, tmp_path):
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


def test_contradicting_numbers_of_speakers_are_refused(gateway, wav):
    answer = gateway.send(wav("call.wav"), min_speakers=3, max_speakers=2)

    assert_problem(answer, 422, "min_speakers <= num_speakers <= max_speakers")


def test_a_file_without_audio_is_refused(gateway, triton, tmp_path):
    (tmp_path / "call.wav").write_text("this is no audio")

    assert_problem(gateway.send(tmp_path / "call.wav"), 415, "not readable audio")
    assert triton.calls == []
    assert gateway.files() == []


def test_a_list_of_other_files_is_not_followed(gateway, triton, tmp_path):
    write_media(gateway.folder / "uploads" / "other.m4a", noise(32_000))
    (tmp_path / "call.m4a").write_text("ffconcat version 1.0\nfile other.m4a\n")

    assert_problem(gateway.send(tmp_path / "call.m4a"), 415, "not readable audio")
    assert triton.calls == []


def test_a_refusal_of_triton_is_passed_on(gateway, triton, wav):
    def refuse(call):
        raise RefusalError("AUDIO: got 3 hours, expected at most 2")

    triton.reply = refuse

    assert_problem(gateway.send(wav("call.wav")), 422, "got 3 hours, expected at most 2")
    assert gateway.files() == []


def test_a_failure_of_triton_is_502(gateway, triton, wav):
    triton.reply = lambda call: {"INFO": "{}"}

    assert_problem(gateway.send(wav("call.wav")), 502, "no RTTM")


def test_a_failed_job_reveals_its_id_neither_in_the_log_nor_in_its_problem(
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


def test_an_unavailable_server_is_retried(gateway, triton, wav):
    def unavailable_once(call):
        if len(triton.calls) == 1:
            raise RefusalError("Server is stopping", grpc.StatusCode.UNAVAILABLE)
        return one_turn(call)

    triton.reply = unavailable_once

    assert gateway.send(wav("call.wav")).status_code == 200
    assert len(triton.calls) == 2


def test_a_server_that_stays_unavailable_is_503(settings, wav, triton):
    with serving(replace(settings, url="127.0.0.1:9", retry_for_s=0.2)) as gateway:
        answer = gateway.send(wav("call.wav"))
        health = gateway.get("/healthz")

    assert_problem(answer, 503, "no connection to the server")
    assert_problem(health, 503, "not ready")
    assert "127.0.0.1:9" not in health.text


def test_health_checks_of_a_slow_server_delay_no_other_request(gateway, wav, monkeypatch):
    checks, go_on = [], threading.Event()

    class Slow(Service):
        def check(self):
            checks.append(self)
            assert go_on.wait(60)

    monkeypatch.setattr("web.gateway.Service", Slow)
    with ThreadPoolExecutor(50) as threads:
        askers = [threads.submit(Caller(gateway.url).get, "/healthz") for _ in range(50)]
        wait_until(lambda: checks)
        answer = gateway.send(wav("call.wav"))
        go_on.set()
        health = {asker.result().status_code for asker in askers}

    assert answer.status_code == 200
    assert health == {200}


def test_a_client_that_disconnects_cancels_the_work(gateway, triton, held, wav):
    body = FILE_HEAD + wav("call.wav").read_bytes() + FORM_END
    connection = begin_upload(gateway.url, len(body), body)
    wait_until(lambda: triton.calls)
    connection.close()

    wait_until(lambda: gateway.n_cancelled == 1)
    assert gateway.files() == []


def test_an_answered_request_leaves_no_files(gateway, wav):
    gateway.send(wav("call.wav"))

    assert gateway.files() == []
    assert list((gateway.folder / "jobs").iterdir()) == []
