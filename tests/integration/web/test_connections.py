"""Connections without a request, with half of one, or whose answer is not read, are closed."""

import contextlib
import functools
import itertools
import socket
import time
from urllib.parse import urlsplit

import pytest

from gateways import Caller
from web import serving

HALF = b"POST /v1/diarize HTTP/1.1\r\nHost: localhost\r\nX-A: "
ANSWERED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def impatient(monkeypatch):
    """Waits for requests only a second."""
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 1.0)


def connect(gateway):
    address = urlsplit(gateway.url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def read_all(connection):
    """Read until the other end closes."""
    return b"".join(iter(functools.partial(connection.recv, 65_536), b""))


def is_closed(connection):
    """Whether the other end has closed; waits a little."""
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_idle_connections_are_closed_and_do_not_delay_others(impatient, gateway):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(gateway)) for _ in range(300)]
        for connection, sent in zip(connections, itertools.cycle([b"", HALF, ANSWERED])):
            connection.sendall(sent)
        started_s = time.monotonic()
        answer = Caller(gateway.url).get("/livez")
        elapsed_s = time.monotonic() - started_s
        ends = [read_all(connection) for connection in connections]

    assert answer.status_code == 200
    assert elapsed_s < 5
    assert {end[:15] for end in ends} == {b"", b"HTTP/1.1 200 OK"}


def test_a_trickling_header_closes_the_connection(impatient, gateway):
    with connect(gateway) as connection:
        connection.sendall(HALF)
        connection.settimeout(0.02)
        started_s = time.monotonic()
        while not is_closed(connection) and time.monotonic() - started_s < 10:
            connection.sendall(b"a")

        assert 0.5 < time.monotonic() - started_s < 10


def test_the_rest_of_a_refused_body_is_accepted_unless_it_is_slow(impatient, gateway, monkeypatch):
    monkeypatch.setattr(serving, "MIN_BYTES_PER_S", 100)
    with connect(gateway) as connection:
        connection.sendall(ANSWERED)
        for _ in range(20):
            connection.sendall(bytes(100))
            time.sleep(0.1)
        assert b"200 OK" in read_all(connection)


def test_an_answer_that_is_not_read_closes_the_connection(gateway, wav, monkeypatch):
    monkeypatch.setattr(serving, "READ_WITHIN_S", 0.2)
    job = gateway.start(wav("call.wav", 8_000_000))
    gateway.ended(job)
    with connect(gateway) as connection:
        connection.sendall(f"GET {job}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(1)
        assert len(read_all(connection)) < 16_000_000
