"""What strangers send to do harm: bombs, bytes that are no text, floods, half of a request."""

import contextlib
import functools
import itertools
import json
import shutil
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

from gateways import Caller, assert_problem, wait_until
from gateways import serving as serving_of
from inputs import audio_files
from integration.client_fake_server import one_turn
from made_media import write_mov
from web import serving

FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("parameters", [{}, {"channels": "separate"}])
def test_a_bomb_fails_alone_before_it_is_decoded_to_its_end(parameters, gateway, triton, tmp_path):
    bomb = write_mov(tmp_path / "bomb.mov", declared_s=60, chunk_s=10, n_chunks=2200)

    answer = gateway.send(bomb, **parameters)

    assert_problem(answer, 422, "can read the file: its packets hold more bytes than the file")
    assert triton.calls == []
    assert gateway.files() == []


@pytest.fixture
def decoders(monkeypatch, tmp_path):
    """All processes that decode, which take for ever with what they know the length of."""
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


def test_decoding_ends_at_once_when_its_job_is_deleted(gateway, decoders, tmp_path):
    job = gateway.start(write_mov(tmp_path / "call.mov", declared_s=1, chunk_s=1, n_chunks=1))
    wait_until(lambda: decoders)

    assert gateway.ask("DELETE", job).status_code == 204

    wait_until(lambda: decoders[0].poll() is not None, within_s=5)
    wait_until(lambda: 'jobs_ended_total{state="cancelled"} 1.0' in gateway.get("/metrics").text)


@pytest.fixture
def done(gateway, wav):
    """A job that is done and corrected; its path."""
    job = gateway.start(wav("call.wav"))
    gateway.ended(job)
    assert gateway.ask("PUT", f"{job}/turns", json={"turns": []}).status_code == 200
    return job


DAMAGE = [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"turns": 1}', b'{"turns": [{}], "rttm": 1}']


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_result_is_refused_with_the_way_out_of_it(damage, gateway, done, wav):
    (gateway.folder / "jobs" / done.rpartition("/")[2] / "answer.json").write_bytes(damage)

    for part in ("result", "view", "report", "result?format=rttm"):
        assert_problem(
            gateway.get(f"{done}/{part}"), 409, "result is damaged", "send the recording"
        )
    assert_problem(gateway.ask("PUT", f"{done}/turns", json={"turns": []}), 409, "damaged")
    assert gateway.get(done).status_code == gateway.send(wav("other.wav")).status_code == 200
    assert gateway.ask("DELETE", done).status_code == 204


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_correction_is_refused_with_the_way_out_of_it(damage, gateway, done):
    (gateway.folder / "jobs" / done.rpartition("/")[2] / "correction.json").write_bytes(damage)

    for part in ("result", "view", "report"):
        assert_problem(gateway.get(f"{done}/{part}"), 409, "correction is damaged", "DELETE")
    assert gateway.ask("DELETE", f"{done}/turns").status_code == 204
    assert len(gateway.get(f"{done}/result").json()["turns"]) == 1


@pytest.mark.parametrize("escapes", ["%ff", "%ED%A0%80", "%C3%28"])
def test_an_address_that_is_no_utf8_is_refused(escapes, gateway):
    for path in ("/v1/jobs/{}", "/{}", "/web/page/{}.js", "/livez?{}=1", "/livez?a={}"):
        assert_problem(gateway.get(path.format(escapes)), 400, "not UTF-8")


@pytest.mark.parametrize(
    "field",
    [b'name="recording_id"\r\n\r\n\xff', b'name="\xff"\r\n\r\n1', b'name="mode"\r\n\r\n\xff'],
)
def test_a_field_that_is_no_utf8_is_refused(field, gateway):
    body = b"--x\r\nContent-Disposition: form-data; " + field + b"\r\n--x--\r\n"

    assert_problem(gateway.ask("POST", "/v1/diarize", data=body, headers=FORM), 400, "not UTF-8")


def test_the_name_of_a_file_may_be_any_bytes(gateway, wav):
    head = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff\0\xed\xa0.wav"\r\n\r\n'
    )
    body = head + wav("call.wav").read_bytes() + b"\r\n--x--\r\n"

    assert gateway.ask("POST", "/v1/diarize", data=body, headers=FORM).status_code == 200


@pytest.mark.parametrize(
    "turns",
    [
        rb'[{"start_s": 0, "end_s": 1, "speaker": "\ud800"}]',
        rb'[{"start_s": 0, "end_s": 1, "speaker": "\u0000"}]',
        b'[{"start_s": 0, "end_s": 1, "speaker": "\xff"}]',
        rb'[{"start_s": 0, "end_s": 1, "speaker": "a", "\udfff": 1}]',
        b"[" * 100_000,
        b"1e999",
    ],
)
def test_a_correction_of_bytes_that_are_no_text_is_refused(turns, gateway, done):
    answer = gateway.ask("PUT", f"{done}/turns", data=b'{"turns": ' + turns + b"}")

    assert_problem(answer, 422)


def test_no_header_makes_the_gateway_fail(gateway, done):
    names = ("Accept", "Prefer", "X-API-Key", "Range", "Content-Type", "Origin")
    values = (b"\xff", b"http://[bad", b"bytes=\xff-", b'a; b="\xff')
    routes = (("GET", f"{done}/audio"), ("GET", f"{done}/result"), ("POST", "/v1/diarize"))
    for (method, path), name, value in itertools.product(routes, names, values):
        answer = gateway.ask(method, path, headers={name: value})
        assert answer.status_code < 500, (path, name, value)


@pytest.mark.parametrize(
    ("part", "status", "words"),
    [
        (b"X-A: b\r\n" * 5000, 400, "header count"),
        (b"X-A: " + b"b" * 60_000, 400, "header size"),
        (b"X" * 60_000, 400, "header size"),
    ],
)
def test_a_flood_of_headers_in_a_form_is_refused(part, status, words, gateway):
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n' + part

    assert_problem(gateway.ask("POST", "/v1/diarize", data=body, headers=FORM), status, words)
    assert gateway.files() == []


def test_very_many_fields_are_refused(gateway):
    field = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n'
    body = b"".join(field % number for number in range(1000))

    assert_problem(gateway.ask("POST", "/v1/diarize", data=body, headers=FORM), 422, "at most 20")


def test_a_thousand_jobs_delay_neither_the_start_nor_an_answer(settings, triton, wav):
    held = threading.Event()
    triton.reply = lambda call: held.wait(60) and one_turn(call)
    with serving_of(settings) as gateway:
        job = gateway.start(wav("call.wav"))
        wait_until(lambda: gateway.state(job) == "running")
    job_id = job.rpartition("/")[2]
    for number in range(1000):
        copy = f"{number:04}{job_id[4:]}"
        folder = shutil.copytree(
            settings.work_dir / "jobs" / job_id, settings.work_dir / "jobs" / copy
        )
        record = json.loads((folder / "job.json").read_bytes())
        ended = {"state": "done", "ended_s": time.time()} if number % 2 else {}
        (folder / "job.json").write_text(json.dumps({**record, "id": copy, **ended}))

    begun_s = time.monotonic()
    with serving_of(settings) as gateway:
        started_s = time.monotonic() - begun_s
        states = [gateway.state(f"/v1/jobs/{number:04}{job_id[4:]}") for number in (1, 998, 999)]
        answered_s = time.monotonic() - begun_s - started_s
        gateway.get("/metrics")
    held.set()

    assert states == ["done", "queued", "done"]
    assert started_s < 5
    assert answered_s < 2


@pytest.fixture
def hasty(monkeypatch):
    """Waits only shortly for requests."""
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 1.0)


HALF = b"POST /v1/diarize HTTP/1.1\r\nHost: localhost\r\nX-A: "
ANSWERED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"


def test_connections_that_ask_nothing_are_closed_and_others_served(hasty, gateway):
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(line_to(gateway)) for _ in range(300)]
        for line, sent in zip(lines, itertools.cycle([b"", HALF, ANSWERED]), strict=False):
            line.sendall(sent)
        begun_s = time.monotonic()
        answer = Caller(gateway.url).get("/livez")
        taken_s = time.monotonic() - begun_s
        ends = [to_its_end(line) for line in lines]

    assert answer.status_code == 200
    assert taken_s < 5
    assert {end[:15] for end in ends} == {b"", b"HTTP/1.1 200 OK"}


def test_a_header_that_trickles_is_given_up(hasty, gateway):
    with line_to(gateway) as line:
        line.sendall(HALF)
        line.settimeout(0.02)
        begun_s = time.monotonic()
        while not is_closed(line) and time.monotonic() - begun_s < 10:
            line.sendall(b"a")

        assert 0.5 < time.monotonic() - begun_s < 10


def test_who_is_refused_may_send_the_rest_but_not_slowly(hasty, gateway, monkeypatch):
    monkeypatch.setattr(serving, "MIN_BYTES_PER_S", 100)
    with line_to(gateway) as line:
        line.sendall(ANSWERED)
        for _ in range(20):
            line.sendall(bytes(100))
            time.sleep(0.1)
        assert b"200 OK" in to_its_end(line)


def test_who_does_not_read_an_answer_is_hung_up_on(gateway, wav, monkeypatch):
    monkeypatch.setattr(serving, "READ_WITHIN_S", 0.2)
    job = gateway.start(wav("call.wav", 8_000_000))
    gateway.ended(job)
    with line_to(gateway) as line:
        line.sendall(f"GET {job}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(1)
        assert len(to_its_end(line)) < 16_000_000


def line_to(gateway):
    address = urlsplit(gateway.url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def is_closed(line):
    """Whether the other end has closed; waits a little."""
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False


def to_its_end(line):
    """Read until the other end closes."""
    return b"".join(iter(functools.partial(line.recv, 65_536), b""))
