"""Live on the web page: from the microphone to named lanes, and to a result with sound."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from e2e.browser import fake_microphone
from e2e.report_view import run, value
from e2e.web_page import forgive, job_of, kept_turns, ready, remembered, saved, shown_turns
from gateways import KEY, serving, wait_until
from integration.tcp_relay import Relay

NAME = "Ana María"

pytestmark = pytest.mark.triton


def begin(page):
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start").click()


def name_of(page, speaker):
    return page.get_by_label(f"Name of {speaker}")


def shown_px(page):
    """Pixels of all turns in the lanes."""
    blocks = page.locator(".track.lane-speaker .block")
    return blocks.evaluate_all("all => all.reduce((sum, each) => sum + each.offsetWidth, 0)")


def test_a_live_recording_becomes_a_named_result(opened, gateway, speech):
    """docs/live.png is a copy of its picture."""
    with Relay(gateway.url.removeprefix("http://")) as relay:
        seen = opened(f"http://{relay.url}", *fake_microphone(speech))
        page = seen.page
        page.get_by_role("link", name="Live").click()
        page.get_by_label("Exactly").check()
        page.get_by_role("button", name="Start").click()
        name_of(page, "SPEAKER_00").fill(NAME)
        page.keyboard.press("Enter")
        expect(page.locator(".label .name", has_text=NAME)).to_be_visible()
        expect(page.locator(".block.partial")).not_to_have_count(0)
        before_px = shown_px(page)

        relay.cut(1)
        away = page.get_by_text("Trying again; the sound is kept until then.")
        expect(away).to_be_visible()
        expect(away).to_be_hidden()
        name_of(page, "SPEAKER_01").wait_for()
        expect(page.get_by_role("timer")).to_have_text(re.compile(r"0:(0[89]|1\d)"))
        wait_until(lambda: shown_px(page) > before_px)
        assert page.get_by_role("meter").evaluate("each => each.value") > 0
        seen.screenshot("web_live")
        page.get_by_role("button", name="Stop").click()
        ready(page)

        job = gateway.get(job_of(page)).json()
        assert (job["state"], job["options"]) == ("done", {"num_speakers": 2})
        assert remembered(page) == [job["id"]]
        assert job["audio"]["audio_s"] == pytest.approx(10, abs=2.5)
        assert value(page, "view.view.audio_s") == pytest.approx(job["audio"]["audio_s"], abs=0.01)
        names = {name for _, _, name in shown_turns(page)}
        assert len(names) == 2
        assert NAME in names
        saved(page)
        assert kept_turns(gateway, job_of(page)) == shown_turns(page)
        run(page, "view.seek(7)")
        seen.until(lambda: not value(page, "view.player.audio.seeking"), "the player to get there")
        page.keyboard.press("Control+z")
        assert NAME not in {name for _, _, name in shown_turns(page)}
        saved(page)
        forgive(seen, "WebSocket connection")
        assert seen.complaints == []


def test_leaving_a_live_recording_asks_and_discarding_a_short_one_does_not(opened, gateway, speech):
    asked = []
    page = opened(gateway.url, *fake_microphone(speech)).page
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    begin(page)
    expect(page.get_by_role("timer")).to_have_text("0:01")
    assert len(gateway.files()) == 2
    page.evaluate("setTimeout(() => location.reload())")
    wait_until(lambda: page.evaluate("1") and asked)

    page.get_by_role("button", name="Discard").click()

    expect(page.get_by_text("Drop a recording here")).to_be_visible()
    wait_until(lambda: gateway.files() == [])
    assert asked == ["beforeunload"]
    assert remembered(page) == []


def test_lanes_follow_the_end_of_a_recording_that_grows(visit, gateway):
    page = visit(gateway.url).page
    page.evaluate(
        """async () => {
            const { Timeline } = await import("/viewer/timeline.js");
            const timeline = new Timeline({ audio_s: 120 });
            timeline.scale.fit_s = 120;
            document.getElementById("main").replaceChildren(timeline.root);
            const grow = (audio_s) => timeline.grow(audio_s, [], []);
            Object.assign(globalThis, { grow, scroller: timeline.scroller });
        }"""
    )
    left = [
        page.evaluate(f"() => {{ {before}; grow({audio_s}); return scroller.scrollLeft; }}")
        for before, audio_s in (("", 120), ("", 240), ("scroller.scrollLeft = 9", 360))
    ]
    width = page.evaluate("scroller.clientWidth")

    assert left == [0, pytest.approx(width, abs=1), 9]


def test_live_says_why_it_cannot_start(opened, settings, server, speech):
    guarded = replace(settings, url=server.url, api_keys=(KEY.encode(),))
    with serving(replace(guarded, max_stored_bytes=10)) as full:
        page = opened(full.url, *fake_microphone(speech)).page
        begin(page)
        expect(page.get_by_text("Expected an API key").first).to_be_visible()
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Use this key").click()

        expect(page.get_by_text("no room for 44 more").first).to_be_visible()
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
