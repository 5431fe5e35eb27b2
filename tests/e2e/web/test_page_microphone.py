"""Recording in the page, with a microphone that plays the sample."""

import pytest
import soundfile
from playwright.sync_api import expect

from e2e.browser import Visit, launched
from e2e.report_view import run, value
from e2e.web_page import job_of, ready, shown_turns

FAKE_DEVICE = "--use-fake-device-for-media-stream"
GRANTED = "--use-fake-ui-for-media-stream"

pytestmark = pytest.mark.triton


@pytest.fixture
def speech(sample, tmp_path):
    """A part of the sample in which both speak, as the fake microphone takes it."""
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    path = tmp_path / "microphone.wav"
    soundfile.write(path, samples[8 * rate_hz : 24 * rate_hz], rate_hz)
    return path


@pytest.fixture
def opened(browser, gateway):
    """A function that opens the page in a browser with these flags."""
    started = []

    def open_page(*flags):
        another = launched(browser.browser_type, *flags)
        started.append(another)
        seen = Visit(another.new_page())
        seen.page.goto(gateway.url)
        return seen

    yield open_page
    for each in started:
        each.close()


def test_a_recording_becomes_a_result(opened, gateway, speech):
    seen = opened(FAKE_DEVICE, GRANTED, f"--use-file-for-fake-audio-capture={speech}")
    page = seen.page
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("timer")).to_have_text("0:08")
    assert page.get_by_role("meter").evaluate("each => each.value") >= 0
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("listitem").filter(has_text="recording 2")).to_be_visible()

    page.get_by_role("button", name="Start").click()
    ready(page)

    assert gateway.get(job_of(page)).json()["audio"]["media_type"] == "audio/webm"
    assert value(page, "view.view.audio_s") == pytest.approx(8, abs=1.5)
    assert sum(end - begin for begin, end, _ in shown_turns(page)) > 4
    # The player can go through it, though what was recorded tells no length.
    run(page, "view.seek(5)")
    seen.until(lambda: not value(page, "view.player.audio.seeking"), "the player to get there")
    assert value(page, "view.time_s") == pytest.approx(5, abs=0.01)
    assert seen.complaints == []


def test_a_microphone_that_may_not_be_used_is_told(opened):
    page = opened(FAKE_DEVICE).page

    page.get_by_role("button", name="Record").click()

    expect(page.get_by_text("The microphone may not be used")).to_be_visible()
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


def test_a_machine_without_a_microphone_is_told(opened):
    page = opened(GRANTED).page

    page.get_by_role("button", name="Record").click()

    expect(page.get_by_text("There is no microphone.")).to_be_visible()
