"""How the web page looks: pictures that are kept, contrast, a phone, the note on doubt."""

import json
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from e2e.browser import PHONE_WIDTH, contrast
from e2e.web_page import choose, choose_turn, go_to, ready, saved, shown_turns, start
from gateways import serving
from integration.client_fake_server import FakeTriton, one_turn

NAME = "Ana María"

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_are_saved(visit, gateway, mp3, scheme):
    """docs/webapp.png is a copy of the light one of the result."""
    seen = visit(gateway.url, color_scheme=scheme)
    page = seen.page
    choose(page, mp3)
    assert seen.screenshot(f"web_start_{scheme}").stat().st_size > 10_000
    assert_readable(page)
    page.get_by_role("button", name="Start").click()
    ready(page)
    for name in (NAME, "Ben"):
        page.get_by_label("Name of SPEAKER_0").first.fill(name)
        page.keyboard.press("Enter")
    choose_turn(page, 4)
    go_to(page, shown_turns(page)[4][0] + 2)
    page.keyboard.press("s")
    saved(page)
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)

    assert seen.screenshot(f"web_result_{scheme}").stat().st_size > 20_000
    assert_readable(page)


def assert_readable(page):
    """Assert that every visible text has WCAG's contrast of 4.5 to its background."""
    pairs = page.evaluate(
        """() => {
            const behind = (each) => {
                const colour = getComputedStyle(each).backgroundColor;
                return /, 0\\)$/.test(colour) ? behind(each.parentElement) : colour;
            };
            const texts = [...document.querySelectorAll("main *, header *")].filter((each) =>
                each.checkVisibility() && !each.closest(":disabled, option") &&
                [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
            const colour = (each) => getComputedStyle(each).color;
            return texts.map((each) => [colour(each), behind(each), each.outerHTML]);
        }"""
    )
    assert len(pairs) > 10
    for text, background, html in pairs:
        assert contrast(page, text, background) >= 4.5, html


def test_doubt_about_the_number_of_speakers_is_a_note(visit, settings, sample):
    doubt = {"unlike_share": 0.071, "more_speakers_likely": True}
    info = json.dumps({"audio_s": 30.0, "mode": "full", **doubt})
    with (
        FakeTriton(lambda call: {"RTTM": one_turn(call), "INFO": info}) as triton,
        serving(replace(settings, url=triton.url)) as gateway,
    ):
        seen = visit(gateway.url)
        start(seen.page, sample)
        ready(seen.page)

        note = seen.page.get_by_role("note", name="Number of speakers")
        expect(note).to_have_text(
            "More speakers may be present than were found: 7 % of the speech is like no speaker "
            "found. If you know their number, ask for it."
        )
        expect(note).to_be_in_viewport()
        assert_readable(seen.page)
        seen.screenshot("web_doubt")
        seen.page.get_by_label("Name of SPEAKER_00").fill("Ana")
        seen.page.keyboard.press("Enter")
        saved(seen.page)
        expect(note).to_be_visible()


def test_the_page_fits_a_phone(visit, gateway, mp3):
    seen = visit(gateway.url, width=PHONE_WIDTH, height=800, has_touch=True)
    page = seen.page
    width = "() => document.documentElement.scrollWidth"
    assert page.evaluate(width) == PHONE_WIDTH
    seen.screenshot("web_start_phone")
    start(page, mp3)
    ready(page)
    choose_turn(page, 1)
    page.get_by_label("Name of SPEAKER_00").fill(
        "A name that is much longer than a telephone is wide"
    )
    page.keyboard.press("Enter")
    page.locator("details.menu summary").click()

    assert page.evaluate(width) == PHONE_WIDTH
    for control in page.locator("button:visible, select:visible, input:visible").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE_WIDTH
    seen.screenshot("web_result_phone")
