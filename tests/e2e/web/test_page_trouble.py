"""The web page after failures: cancelled, offline, reloaded, expired, refused."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from e2e.counters import read_answered, read_counts, wait_for_metrics, wait_until
from e2e.long_recordings import repeated
from e2e.web_page import (
    choose,
    forgive,
    job_of,
    kept_turns,
    ready,
    remembered,
    saved,
    shown_turns,
    slow_down,
    start,
)
from gateways import Clock, serving
from integration.tcp_relay import Relay

CANCELLED = ("failed_requests", "cancelled")
UNTIL_BACK = 10**6  # connections to refuse

pytestmark = pytest.mark.triton


@pytest.fixture
def long(sample, tmp_path):
    """A long recording."""
    path = tmp_path / "long.flac"
    path.write_bytes(repeated(sample, 12))
    return path


def rename_first(page, name):
    speaker = shown_turns(page)[0][2]
    page.get_by_label(f"Name of {speaker}").fill(name)
    page.keyboard.press("Enter")


def test_an_upload_can_be_cancelled(visit, gateway, sample):
    page = visit(gateway.url).page
    slow_down(page)
    start(page, sample)
    expect(page.locator(".progress-text")).to_contain_text("sent,")

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("Drop a recording here")).to_be_visible()
    wait_until(lambda: gateway.files() == [])
    assert remembered(page) == []


def test_a_job_is_cancelled_in_triton_too(visit, server, gateway, long):
    wait_for_metrics(server)
    before = read_counts(server)
    heard = read_answered(server, "sad")
    page = visit(gateway.url).page
    start(page, long)
    expect(page.locator(".progress-text")).to_contain_text("Finding who spoke when")
    wait_until(lambda: read_answered(server, "sad") > heard)

    page.get_by_role("button", name="Cancel").click()

    wait_until(lambda: read_counts(server)[CANCELLED] > before[CANCELLED])
    assert gateway.files() == []
    assert remembered(page) == []


def test_two_browsers_see_only_their_own_recordings(visit, gateway, sample, tmp_path):
    seen = []
    for name in ("mine.wav", "yours.wav"):
        path = tmp_path / name
        path.write_bytes(sample.read_bytes())
        seen.append(visit(gateway.url))
        start(seen[-1].page, path)
    for each in seen:
        ready(each.page)
        each.page.get_by_role("link", name="All recordings").click()
        expect(each.page.locator(".state")).to_have_text("Done")
    mine, yours = (each.page for each in seen)

    expect(mine.get_by_role("link", name="mine.wav")).to_be_visible()
    expect(mine.get_by_text("yours.wav")).to_have_count(0)
    expect(yours.get_by_text("mine.wav")).to_have_count(0)
    assert set(remembered(mine)).isdisjoint(remembered(yours))


def test_a_job_survives_an_outage_of_the_server(visit, settings, server, long):
    with (
        Relay(server.url) as relay,
        serving(replace(settings, url=relay.url)) as gateway,
    ):
        seen = visit(gateway.url)
        page = seen.page
        start(page, long)
        expect(page.locator(".progress-text")).to_contain_text("Finding who spoke when")
        wait_until(lambda: gateway.state(job_of(page)) == "running")
        relay.cut(UNTIL_BACK)
        expect(page.get_by_text("The diarization server is unavailable")).to_be_visible(
            timeout=60_000
        )
        relay.cut(0)

        ready(page)

        expect(page.get_by_text("The diarization server is unavailable")).to_be_hidden()
        assert shown_turns(page)[-1][1] > 5 * 30
        forgive(seen)


def test_progress_continues_after_a_reload(visit, gateway, long):
    page = visit(gateway.url).page
    start(page, long)
    expect(page.locator(".progress-text")).to_contain_text("Finding who spoke when")
    job = job_of(page)

    page.reload()

    expect(page.get_by_role("heading", name="long.flac")).to_be_visible()
    ready(page)
    assert job_of(page) == job


def test_an_upload_faster_than_its_page_leads_to_the_result(visit, gateway, sample):
    page = visit(gateway.url).page
    start(page, sample)
    ready(page)
    result = page.url

    page.evaluate("location.hash = 'upload'")  # as if it had arrived before the page opened

    page.wait_for_url(result)
    ready(page)


def test_an_upload_lost_by_a_reload_is_reported(visit, gateway, sample):
    seen = visit(gateway.url)
    page = seen.page
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    session = slow_down(page)
    start(page, sample)
    expect(page.locator(".progress-text")).to_contain_text("sent,")

    page.reload()

    expect(
        page.get_by_text("The upload of sample.wav ended when the page was left")
    ).to_be_visible()
    assert asked == ["beforeunload"]
    session.detach()
    page.reload()
    expect(page.get_by_text("Drop a recording here")).to_be_visible()
    expect(page.get_by_text("The upload of sample.wav")).to_have_count(0)


def test_corrections_are_saved_when_the_service_is_back(visit, gateway, sample):
    seen = visit(gateway.url)
    page = seen.page
    start(page, sample)
    ready(page)
    page.context.set_offline(True)
    rename_first(page, "Ana")
    expect(page.get_by_text("Not saved yet. The service cannot be reached")).to_be_visible()

    page.context.set_offline(False)

    saved(page)
    assert kept_turns(gateway, job_of(page)) == shown_turns(page)
    forgive(seen)


def test_unsaved_corrections_survive_a_reload(visit, gateway, sample):
    seen = visit(gateway.url)
    page = seen.page
    page.on("dialog", lambda dialog: dialog.accept())
    start(page, sample)
    ready(page)
    page.route("**/turns", lambda route: route.abort())
    rename_first(page, "Ana")
    expect(page.get_by_text("Not saved yet.")).to_be_visible()
    page.unroute("**/turns")
    wanted = shown_turns(page)

    page.reload()
    ready(page)

    assert shown_turns(page) == wanted
    wait_until(lambda: kept_turns(gateway, job_of(page)) == wanted)
    forgive(seen)


def test_an_expired_recording_is_reported(visit, server, settings, sample):
    clock = Clock()
    with serving(replace(settings, url=server.url), clock) as gateway:
        seen = visit(gateway.url)
        page = seen.page
        start(page, sample)
        ready(page)
        clock.leap_s = settings.keep_s + 5
        address = page.url
        page.get_by_role("link", name="All recordings").click()
        expect(
            page.get_by_text("sample.wav is no longer there: results are kept for 1 hour.")
        ).to_be_visible()
        assert remembered(page) == []

        page.goto(address)

        expect(page.get_by_role("heading", name="There is no such recording")).to_be_visible()
        page.get_by_role("link", name="Choose a recording").click()
        expect(page.get_by_text("Drop a recording here")).to_be_visible()
        forgive(seen)


def test_an_upload_is_retried_when_the_gateway_is_back(visit, gateway, sample):
    seen = visit(gateway.url)
    page = seen.page
    choose(page, sample)
    page.context.set_offline(True)
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".progress-text")).to_contain_text("The upload was interrupted")

    page.context.set_offline(False)

    ready(page)
    forgive(seen)


def test_a_server_that_is_not_ready_is_reported(visit, settings, server):
    with Relay(server.url) as relay, serving(replace(settings, url=relay.url)) as gateway:
        relay.cut(UNTIL_BACK)
        seen = visit(gateway.url)
        away = seen.page.get_by_text("The diarization server is not ready.")
        expect(away).to_be_visible()
        relay.cut(0)
        expect(away).to_be_hidden()
        forgive(seen)


def test_corrections_of_another_window_appear_on_return(visit, gateway, sample):
    page = visit(gateway.url).page
    start(page, sample)
    ready(page)
    before = shown_turns(page)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    rename_first(other, "Ana")
    saved(other)

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.get_by_label("Name of Ana")).to_be_visible()
    assert shown_turns(page) == shown_turns(other)
    page.keyboard.press("Control+z")
    assert shown_turns(page) == before
    saved(page)
    assert kept_turns(gateway, job_of(page)) == before


def test_a_recording_refused_by_the_server_is_reported(visit, gateway, tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    page = visit(gateway.url).page

    start(page, path)

    expect(page.get_by_role("heading", name="There is no result")).to_be_visible()
    expect(page.get_by_text("finite")).to_be_visible()


def test_a_file_without_audio_is_refused(visit, gateway, tmp_path):
    path = tmp_path / "letter.wav"
    path.write_text("Dear all")
    seen = visit(gateway.url)
    start(seen.page, path)

    expect(seen.page.locator(".progress-text")).to_contain_text("The file is not readable audio")
    seen.page.get_by_role("button", name="Dismiss").click()
    expect(seen.page.get_by_text("Drop a recording here")).to_be_visible()
    assert gateway.files() == []
    forgive(seen)


def test_a_file_that_is_too_large_is_not_sent(visit, server, settings, sample):
    with serving(replace(settings, url=server.url, max_upload_bytes=500_000)) as gateway:
        page = visit(gateway.url).page
        expect(page.get_by_text("up to 500 kB")).to_be_visible()

        choose(page, sample)

        refusal = "sample.wav has 960 kB, the service takes up to 500 kB."
        expect(page.get_by_role("alert").filter(has_text=refusal)).to_be_visible()
        expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_a_result_that_cannot_be_shown_is_not_requested_again(visit, gateway, sample):
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
