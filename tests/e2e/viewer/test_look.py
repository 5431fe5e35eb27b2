"""Appearance and accessibility of a report: colours, contrast, patterns, roles, motion."""

import pytest
from playwright.sync_api import expect

from e2e.browser import contrast
from e2e.report_view import RATE_HZ, ROWS, TRUE_ROWS, lanes, make_report, opened
from media_files import noise

TEXTS = ("h1", "#facts", ".label .name", ".label .note", "kbd", ".keys", "td", "thead th", ".times")


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return make_report(
        tmp_path_factory.mktemp("made"), "talk", noise(20 * RATE_HZ), ROWS, TRUE_ROWS
    )


@pytest.fixture
def page(visit, talk):
    return opened(visit, talk).page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_distinguishable(visit, talk, scheme):
    page = opened(visit, talk, color_scheme=scheme).page

    for selector in TEXTS:
        colours = page.locator(selector).first.evaluate(
            """each => {
                let behind = each;
                const seen = (element) => getComputedStyle(element).backgroundColor;
                while (seen(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
                return [getComputedStyle(each).color, seen(behind)];
            }"""
        )
        assert contrast(page, *colours) >= 4.5, selector
    names = [f"--voice-{n}" for n in range(8)] + ["--missed", "--false-alarm", "--confusion"]
    card, *found = page.evaluate(
        """names => names.map((name) =>
            getComputedStyle(document.documentElement).getPropertyValue(name))""",
        ["--card", *names],
    )
    assert len(set(found)) == len(names)
    for name, colour in zip(names, found, strict=True):
        assert contrast(page, colour, card) >= 3, name


def test_the_button_switches_between_dark_and_light(visit, talk):
    page = opened(visit, talk, color_scheme="light").page
    toggle = page.get_by_role("button", name="Dark colours")

    def look():
        wave = page.locator("canvas").evaluate("each => each.toDataURL()")
        return page.evaluate("() => getComputedStyle(document.body).backgroundColor"), wave

    light = look()
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    dark = look()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()

    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert look() == light


def test_reduced_motion_is_respected(visit, talk):
    def moves(wish):
        page = opened(visit, talk, reduced_motion=wish).page
        button = page.locator("button").first
        return button.evaluate("each => getComputedStyle(each).transitionDuration") != "0s"

    assert moves("no-preference")
    assert not moves("reduce")


def test_every_element_has_a_name_and_a_role(page):
    tree = page.locator("body").aria_snapshot()

    assert page.locator("h1").count() == 1
    for name in ("Turn before", "Play", "Next turn", "Zoom out", "Zoom in", "Show all"):
        assert f'button "{name}"' in tree
    for part in ('slider "Position"', 'combobox "Speed"', 'checkbox "follow"', 'group "Timeline"'):
        assert part in tree
    assert 'listbox "Turns"' in tree
    assert 'option "anna 0:00.50 – 0:04.00 3.5 s"' in tree
    for lane in ("anna: 2 stretches, 8.5 s", "Reference x: 2 stretches, 9.5 s", "Missed: "):
        assert f'img "{lane}' in tree
    assert "button:" not in tree.replace('button "', "")


def test_nothing_is_shown_by_colour_alone(page):
    patterns = page.evaluate(
        """() => ["speaker", "reference", "overlap", "missed", "false_alarm", "confusion"].map(
            (kind) => {
                const block = document.querySelector(`.track.lane-${kind} .block`);
                const { backgroundImage, borderWidth } = getComputedStyle(block);
                return [backgroundImage.replace(/rgba?\\(.*?\\)/g, ""), borderWidth].join();
            })"""
    )

    assert len(set(patterns)) == 6
    assert page.locator(".label .name").count() == len(lanes(page))
