"""The web page when something is refused: a recording, a file, a result, whoever has no key."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from e2e.web_page import choose, forgive, ready, start
from gateways import serving

pytestmark = pytest.mark.triton


def test_what_the_server_refuses_is_told(visit, gateway, tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    page = visit(gateway.url).page

    start(page, path)

    expect(page.get_by_role("heading", name="There is no result")).to_be_visible()
    expect(page.get_by_text("finite")).to_be_visible()


def test_a_file_that_is_no_audio_is_told(visit, gateway, tmp_path):
    path = tmp_path / "letter.wav"
    path.write_text("Dear all")
    seen = visit(gateway.url)
    start(seen.page, path)

    expect(seen.page.locator(".progress-text")).to_contain_text("The file is not readable audio")
    seen.page.get_by_role("button", name="Dismiss").click()
    expect(seen.page.get_by_text("Drop a recording here")).to_be_visible()
    assert gateway.files() == []
    forgive(seen)


def test_a_file_that_is_too_large_is_not_even_sent(visit, server, settings, sample):
    with serving(replace(settings, url=server.url, max_upload_bytes=500_000)) as gateway:
        page = visit(gateway.url).page
        expect(page.get_by_text("up to 500 kB")).to_be_visible()

        choose(page, sample)

        told = "sample.wav has 960 kB, the service takes up to 500 kB."
        expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
        expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_a_result_that_cannot_be_shown_is_told_and_not_asked_for_again(visit, gateway, sample):
    seen = visit(gateway.url)
    body = '{"status": 422, "detail": "the recording cannot be played"}'
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.fulfill(status=422, content_type="application/problem+json", body=body)

    seen.page.route("**/view", refuse)

    start(seen.page, sample)

    expect(seen.page.get_by_text("The recording cannot be played.")).to_be_visible()
    assert len(asked) == 1
    forgive(seen)


def test_a_service_with_keys_asks_for_one(visit, server, settings, sample):
    key = "a-key-of-sixteen-or-more-bytes"
    with serving(replace(settings, url=server.url, api_keys=(key.encode(),))) as gateway:
        seen = visit(gateway.url)
        start(seen.page, sample)
        expect(seen.page.locator(".progress-text")).to_contain_text("API key")
        seen.page.get_by_label("API key").fill(key)
        seen.page.get_by_role("button", name="Use this key").click()
        ready(seen.page)
        forgive(seen)
