"""Who may open a WebSocket, and how many: keys, origins, hosts, rates, places."""

import json
import socket
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from gateways import KEY, serving, wait_until
from live_streams import streaming


def with_keys(settings, **changes):
    return serving(replace(settings, api_keys=(KEY.encode(),), **changes))


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Authorization": f"Bearer {KEY}"}, {}),
        ({"X-API-Key": KEY}, {}),
        ({}, {"key": KEY}),
    ],
)
def test_a_key_opens_a_stream_by_header_or_first_frame(headers, fields, settings):
    with with_keys(settings) as gateway, streaming(gateway.url, headers) as stream:
        assert stream.begin(**fields)["received"] == 0


@pytest.mark.parametrize("fields", [{}, {"key": KEY + "x"}])
def test_without_the_key_no_session_starts(fields, settings, live):
    with with_keys(settings) as gateway, streaming(gateway.url) as stream:
        stream.send("start", **fields)
        error, code = stream.refusal()

    assert (error["status"], code) == (401, 1008)
    assert KEY not in error["detail"]
    assert live.sessions == {}


def test_a_session_goes_on_with_the_key_only(settings):
    with with_keys(settings) as gateway:
        with streaming(gateway.url) as stream:
            session = stream.begin(key=KEY)["session"]
        with streaming(gateway.url) as stream:
            stream.send("resume", session=session)
            assert stream.refusal()[0]["status"] == 401


def denied(url, **options):
    with pytest.raises(InvalidStatus) as refused, streaming(url, **options):
        pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(response.body)["status"] == response.status_code
    return response.status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_cannot_open_a_stream(origin, gateway):
    assert denied(gateway.url, origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_from_another_site_cannot_open_a_stream(site, gateway):
    assert denied(gateway.url, headers={"Sec-Fetch-Site": site}) == 403


def test_the_gateways_own_page_can_open_a_stream(gateway):
    with streaming(gateway.url, {"Sec-Fetch-Site": "same-origin"}, origin=gateway.url) as stream:
        stream.begin()


def test_an_unknown_host_name_cannot_be_used(gateway):
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        assert denied(f"http://evil.example:{port}", sock=connection) == 421


@pytest.mark.parametrize("path", ["/nowhere", "/v1/diarize", "/web/page/page.js?", "/?"])
def test_there_is_no_other_websocket(path, gateway):
    assert denied(gateway.url + path) == 404


def test_starts_are_limited_per_minute(settings):
    with serving(replace(settings, rate_per_minute=1)) as gateway:
        with streaming(gateway.url) as stream:
            stream.begin()
        with streaming(gateway.url) as stream:
            stream.send("start")
            error, code = stream.refusal()

    assert (error["status"], code) == (429, 1013)


@pytest.mark.parametrize(
    ("limit", "status"), [({"max_streams": 1}, 503), ({"max_client_uploads": 1}, 429)]
)
def test_concurrent_streams_are_limited(limit, status, settings):
    with serving(replace(settings, **limit)) as gateway:
        with streaming(gateway.url) as first:
            first.begin()
            assert "diarization_web_streams 1.0" in gateway.get("/metrics").text
            with streaming(gateway.url) as second:
                second.send("start")
                error, code = second.refusal()
        wait_until(lambda: "diarization_web_streams 0.0" in gateway.get("/metrics").text)
        with streaming(gateway.url) as third:
            third.begin()

    assert (error["status"], code) == (status, 1013)


def test_streams_are_counted(gateway, stream):
    stream.begin()
    stream.send("end")
    stream.close_code()
    denied(gateway.url, origin="null")
    route = 'diarization_web_requests_total{method="GET",route='

    wait_until(lambda: f'{route}"/v1/stream",status="101"}} 1.0' in gateway.get("/metrics").text)
    assert f'{route}"other",status="403"}} 1.0' in gateway.get("/metrics").text
