"""Which requests are accepted, and what every answer has: rates, keys, origins, hosts, methods."""

import itertools
from dataclasses import replace

import pytest

from gateways import KEY, Caller, assert_problem, serving


def test_a_client_that_uploads_too_often_gets_a_time_to_retry(settings, wav):
    with serving(replace(settings, rate_per_minute=2)) as gateway:
        statuses = [gateway.send(wav("a.wav")).status_code for _ in range(2)]
        refused = gateway.send(wav("a.wav"))
        others = gateway.get("/livez")

    assert statuses == [200, 200]
    assert_problem(refused, 429, "more than 2 uploads a minute from this address")
    assert 1 <= int(refused.headers["Retry-After"]) <= 31
    assert others.status_code == 200


@pytest.mark.parametrize(
    ("proxies", "expected"), [(("127.0.0.1",), [200, 429, 200]), ((), [200, 429, 429])]
)
def test_only_a_trusted_proxy_names_the_address_of_the_client(proxies, expected, settings, wav):
    with serving(replace(settings, rate_per_minute=1, trusted_proxies=proxies)) as gateway:
        one, other = (Caller(gateway.url, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2))
        statuses = [caller.send(wav("a.wav")).status_code for caller in (one, one, other)]

    assert statuses == expected


@pytest.mark.parametrize("header", [("Authorization", f"Bearer {KEY}"), ("X-API-Key", KEY)])
def test_an_upload_needs_a_key_if_there_are_keys(header, settings, triton, wav):
    keys = (b"another-key-of-enough-bytes", KEY.encode())
    with serving(replace(settings, api_keys=keys)) as gateway:
        without = gateway.send(wav("a.wav"))
        wrong = gateway.send(wav("a.wav"), headers={header[0]: header[1] + "x"})
        right = gateway.send(wav("a.wav"), headers=dict([header]))

    assert_problem(without, 401, "API key")
    assert without.headers["WWW-Authenticate"] == "Bearer"
    assert_problem(wrong, 401)
    assert right.status_code == 200
    assert len(triton.calls) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_may_not_change_anything(headers, gateway, triton, wav):
    assert_problem(gateway.send(wav("a.wav"), headers=headers), 403, "another site")
    assert_problem(gateway.ask("DELETE", "/v1/jobs/x", headers=headers), 403)
    assert triton.calls == []


def test_the_gateways_own_page_may_change_things(gateway, wav):
    headers = {"Origin": gateway.url, "Sec-Fetch-Site": "same-origin"}

    assert gateway.send(wav("a.wav"), headers=headers).status_code == 200


def test_an_unknown_host_name_is_refused(gateway):
    for path in ("/livez", "/v1/jobs/x", "/"):
        assert_problem(gateway.get(path, headers={"Host": "evil.example"}), 421, "Host")
    assert gateway.get("/livez", headers={"Host": "localhost:1234"}).status_code == 200


@pytest.mark.parametrize("escapes", ["%ff", "%ED%A0%80", "%C3%28"])
def test_an_address_that_is_not_utf8_is_refused(escapes, gateway):
    for path in ("/v1/jobs/{}", "/{}", "/web/page/{}.js", "/livez?{}=1", "/livez?a={}"):
        assert_problem(gateway.get(path.format(escapes)), 400, "not UTF-8")


def test_no_header_makes_the_gateway_fail(gateway, job):
    names = ("Accept", "Prefer", "X-API-Key", "Range", "Content-Type", "Origin")
    values = (b"\xff", b"http://[bad", b"bytes=\xff-", b'a; b="\xff')
    routes = (("GET", f"{job}/audio"), ("GET", f"{job}/result"), ("POST", "/v1/diarize"))
    for (method, path), name, value in itertools.product(routes, names, values):
        answer = gateway.ask(method, path, headers={name: value})
        assert answer.status_code < 500, (path, name, value)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("GET", "/v1/diarize", "POST"),
        ("POST", "/v1/jobs/x", "DELETE, GET, HEAD"),
        ("GET", "/v1/jobs/x/turns", "DELETE, PUT"),
    ],
)
def test_a_wrong_method_is_refused_with_the_allowed_ones(method, path, allowed, gateway):
    answer = gateway.ask(method, path)

    assert_problem(answer, 405, allowed)
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_a_body(gateway):
    for path in ("/", "/livez"):
        answer = gateway.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_every_answer_has_the_security_headers(gateway, wav):
    answers = [gateway.get(path) for path in ("/livez", "/v1/jobs/x", "/nowhere", "/openapi.json")]

    for answer in [*answers, gateway.send(wav("a.wav"))]:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "server" not in answer.headers
