"""What the gateway does not take: too large, too often, too many, without a key, from elsewhere."""

import http.client
import socket
import threading
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from gateways import PROBLEM, Caller, assert_problem, serving, wait_until
from integration.client_fake_server import one_turn
from web.jobs import uploads

KEY = "a-key-of-sixteen-or-more-bytes"
LIMIT = 100_000


@pytest.fixture
def small(settings):
    with serving(replace(settings, max_upload_bytes=LIMIT)) as gateway:
        yield gateway


def chunks(n_bytes):
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    for _ in range(n_bytes // 1000):
        yield bytes(1000)
    yield b"\r\n--x--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(small, wav):
    n_samples = (LIMIT - 44) // 2

    assert small.send(wav("a.wav", n_samples)).status_code == 200
    assert_problem(small.send(wav("b.wav", n_samples + 1)), 413, f"at most {LIMIT} bytes")
    assert small.files() == []


def test_a_body_that_says_it_is_too_large_is_refused_unread(small):
    connection = http.client.HTTPConnection(urlsplit(small.url).netloc, timeout=60)
    connection.putrequest("POST", "/v1/diarize")
    connection.putheader("Content-Length", str(10**12))
    connection.putheader("Content-Type", FORM["Content-Type"])
    connection.endheaders()  # and nothing of the body

    answer = connection.getresponse()

    assert (answer.status, answer.headers["Content-Type"]) == (413, PROBLEM)
    connection.close()


def test_a_body_without_a_length_is_counted_while_it_comes(small):
    answer = small.ask("POST", "/v1/diarize", data=chunks(2 * LIMIT), headers=FORM)

    assert_problem(answer, 413, f"at most {LIMIT} bytes")
    assert small.files() == []


def test_an_endless_body_is_refused_long_before_its_end(small):
    with socket.create_connection((urlsplit(small.url).hostname, urlsplit(small.url).port)) as line:
        head = (
            f"POST /v1/diarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}"
        )
        line.sendall(head.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = chunks(100 * LIMIT)
        sent = 0
        line.settimeout(60)
        while sent < 3 * LIMIT:
            piece = next(pieces)
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += len(piece)
        assert b" 413 " in line.recv(1000)


def test_a_body_goes_to_disk_as_it_comes(gateway):
    def slowly():
        pieces = chunks(1_000_000)
        for _ in range(900):
            yield next(pieces)
        wait_until(lambda: [path.stat().st_size for path in gateway.files()] > [500_000])
        yield from pieces

    answer = gateway.ask("POST", "/v1/diarize", data=slowly(), headers=FORM)

    assert_problem(answer, 415)
    assert gateway.files() == []


def test_a_body_that_stops_coming_is_given_up(gateway, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.1)
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
    connection.putrequest("POST", "/v1/diarize")
    connection.putheader("Content-Length", "1000")
    connection.putheader("Content-Type", FORM["Content-Type"])
    connection.endheaders(b"--x\r\n")

    assert connection.getresponse().status == 408
    assert gateway.files() == []
    connection.close()


def test_a_body_that_trickles_is_given_up_with_the_reason(gateway, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.2)
    monkeypatch.setattr(uploads, "MIN_BYTES_PER_S", 100)

    def trickling():
        yield b"--x\r\n"
        for byte in b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n':
            time.sleep(0.02)
            yield bytes([byte])

    answer = gateway.ask("POST", "/v1/diarize", data=trickling(), headers=FORM)

    assert_problem(answer, 408, "bytes of the body came in 0.2 s, expected at least 100 a second")
    assert gateway.files() == []


def test_a_body_that_is_slow_but_not_too_slow_is_taken(gateway, wav, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.5)
    monkeypatch.setattr(uploads, "MIN_BYTES_PER_S", 1000)
    content = wav("a.wav", 1600).read_bytes()

    def slowly():
        yield next(chunks(0))
        for start in range(0, len(content), 300):
            time.sleep(0.1)
            yield content[start : start + 300]
        yield b"\r\n--x--\r\n"

    assert gateway.ask("POST", "/v1/diarize", data=slowly(), headers=FORM).status_code == 200


def test_one_address_holds_no_more_uploads_at_a_time_than_it_may(settings, wav):
    with serving(replace(settings, max_client_uploads=2)) as gateway:
        held = [begun_upload(gateway, 10**6) for _ in range(2)]
        wait_until(lambda: len(gateway.files()) == 2)
        refused = gateway.send(wav("a.wav"))
        held.pop().close()
        wait_until(lambda: len(gateway.files()) == 1)
        later = gateway.send(wav("a.wav"))
        held.pop().close()

    assert_problem(refused, 429, "2 uploads from this address are in progress")
    assert int(refused.headers["Retry-After"]) >= 1
    assert later.status_code == 200


def test_uploads_hold_no_room_for_what_has_not_come(settings, wav):
    room = {"max_stored_bytes": 1_000_000, "max_upload_bytes": 1_000_000, "max_client_uploads": 30}
    with serving(replace(settings, **room)) as gateway:
        held = [begun_upload(gateway, n_bytes) for n_bytes in [None, 900_000] * 10]
        wait_until(lambda: len(gateway.files()) == len(held))
        taken = gateway.send(wav("a.wav"))
        for line in held:
            line.close()

    assert taken.status_code == 200


def begun_upload(gateway, n_bytes):
    """A connection with the beginning of an upload that declares so many bytes, or no length."""
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
    connection.putrequest("POST", "/v1/diarize")
    connection.putheader("Content-Type", FORM["Content-Type"])
    length = ("Content-Length", n_bytes) if n_bytes else ("Transfer-Encoding", "chunked")
    connection.putheader(*map(str, length))
    connection.endheaders(b"--x\r\n" if n_bytes else b"5\r\n--x\r\n\r\n")
    return connection


def test_an_upload_that_breaks_off_leaves_nothing(gateway):
    with socket.create_connection(
        (urlsplit(gateway.url).hostname, urlsplit(gateway.url).port)
    ) as line:
        head = (
            f"POST /v1/diarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}"
        )
        line.sendall(head.encode() + b"\r\nContent-Length: 10000\r\n\r\n" + b"--x\r\n")
        wait_until(gateway.files)

    wait_until(lambda: gateway.files() == [])


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"nothing of the kind", 400, "multipart"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nRIFF', 400, "breaks off"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n", 400, "no name"),
        (b"--x--\r\n", 422, "file"),
        (
            b'--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\nfull\r\n' * 2
            + b"--x--\r\n",
            422,
            "mode",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\n'
            + bytes(2000)
            + b"\r\n--x--\r\n",
            422,
            "mode",
        ),
    ],
)
def test_a_malformed_form_is_told(body, status, word, gateway):
    answer = gateway.ask("POST", "/v1/diarize", data=body, headers=FORM)

    assert_problem(answer, status, word)
    assert gateway.files() == []


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", ""])
def test_what_is_no_form_is_refused(kind, gateway):
    answer = gateway.ask("POST", "/v1/diarize", data=b"{}", headers={"Content-Type": kind})

    assert_problem(answer, 415, "multipart/form-data")


def test_who_comes_too_often_is_told_when_to_come_again(settings, wav):
    with serving(replace(settings, rate_per_minute=2)) as gateway:
        statuses = [gateway.send(wav("a.wav")).status_code for _ in range(2)]
        refused = gateway.send(wav("a.wav"))
        others = gateway.get("/livez")

    assert statuses == [200, 200]
    assert_problem(refused, 429, "more than 2 uploads a minute from this address")
    assert 1 <= int(refused.headers["Retry-After"]) <= 31
    assert others.status_code == 200


def test_behind_a_trusted_proxy_the_real_address_counts(settings, wav):
    with serving(replace(settings, rate_per_minute=1, trusted_proxies=("127.0.0.1",))) as gateway:
        one, other = (Caller(gateway.url, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2))
        statuses = [caller.send(wav("a.wav")).status_code for caller in (one, one, other)]

    assert statuses == [200, 429, 200]


def test_whoever_is_no_trusted_proxy_is_not_believed(settings, wav):
    with serving(replace(settings, rate_per_minute=1)) as gateway:
        one, other = (Caller(gateway.url, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2))
        statuses = [caller.send(wav("a.wav")).status_code for caller in (one, other)]

    assert statuses == [200, 429]


def test_no_more_wait_than_may(settings, triton, wav):
    held = threading.Event()
    triton.reply = lambda call: held.wait(60) and one_turn(call)
    with serving(replace(settings, n_workers=1, max_waiting=1)) as gateway:
        first = gateway.start(wav("a.wav"))
        wait_until(lambda: gateway.state(first) == "running")
        waiting = [gateway.start(wav("a.wav")) for _ in range(2)]
        refused = gateway.send(wav("a.wav"))
        held.set()
        for job in waiting:
            gateway.ended(job)
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 503, "2 recordings wait and 0 uploads are in progress", "at most 2")
    assert int(refused.headers["Retry-After"]) >= 1
    assert later.status_code == 200


@pytest.mark.parametrize("header", [("Authorization", f"Bearer {KEY}"), ("X-API-Key", KEY)])
def test_with_keys_an_upload_needs_one(header, settings, triton, wav):
    with serving(
        replace(settings, api_keys=(b"another-key-of-enough-bytes", KEY.encode()))
    ) as gateway:
        without = gateway.send(wav("a.wav"))
        wrong = gateway.send(wav("a.wav"), headers={header[0]: header[1] + "x"})
        right = gateway.send(wav("a.wav"), headers=dict([header]))

    assert_problem(without, 401, "API key")
    assert without.headers["WWW-Authenticate"] == "Bearer"
    assert_problem(wrong, 401)
    assert right.status_code == 200
    assert len(triton.calls) == 1


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_of_another_site_changes_nothing(headers, gateway, triton, wav):
    assert_problem(gateway.send(wav("a.wav"), headers=headers), 403, "another site")
    assert_problem(gateway.ask("DELETE", "/v1/jobs/x", headers=headers), 403)
    assert triton.calls == []


def test_our_own_page_may(gateway, wav):
    headers = {"Origin": gateway.url, "Sec-Fetch-Site": "same-origin"}

    assert gateway.send(wav("a.wav"), headers=headers).status_code == 200


def test_a_name_that_was_made_to_point_here_is_not_served(gateway):
    for path in ("/livez", "/v1/jobs/x", "/"):
        assert_problem(gateway.get(path, headers={"Host": "evil.example"}), 421, "Host")
    assert gateway.get("/livez", headers={"Host": "localhost:1234"}).status_code == 200


def test_every_answer_is_closed(gateway, wav):
    answers = [gateway.get(path) for path in ("/livez", "/v1/jobs/x", "/nowhere", "/openapi.json")]

    for answer in [*answers, gateway.send(wav("a.wav"))]:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "server" not in answer.headers
