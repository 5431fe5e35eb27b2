"""The report of the sample, made by one command and checked in a browser."""

import base64
import io

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from e2e.browser import PHONE_WIDTH
from e2e.calls import run_client
from e2e.report_view import is_playing, lanes, opened, run, same_times, table_cells, time_s, value
from formats.rttm import read_rttm, turns_of
from media_files import write_media

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def written(server, sample, tmp_path_factory):
    """The folder after the one command."""
    out = tmp_path_factory.mktemp("report")
    done = run_client(
        server,
        f"--audio_file={sample}",
        f"--output_directory={out}",
        "--report",
        f"--reference={sample.with_suffix('.rttm')}",
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def shown(visit, written):
    return opened(visit, written / "sample.html")


@pytest.fixture
def page(shown):
    return shown.page


@pytest.fixture(scope="module")
def turns(written):
    return turns_of(read_rttm(written / "rttm_sample", "RTTM")["sample"])


def of_speaker(turns, speaker):
    return [(t.start_ms / 1000, t.end_ms / 1000) for t in turns if t.speaker == speaker]


def options_of(page):
    return page.get_by_role("listbox", name="Turns").get_by_role("option")


def longest(turns):
    return max(turns, key=lambda turn: turn.end_ms - turn.start_ms)


def test_lanes_are_those_of_the_rttm(page, turns):
    found = {lane["label"]: lane["times"] for lane in lanes(page) if lane["kind"] == "speaker"}

    assert list(found) == list(dict.fromkeys(turn.speaker for turn in turns))
    for speaker, times in found.items():
        assert same_times(times, of_speaker(turns, speaker)), speaker
    held = value(page, "view.turns")
    assert [(t["start_s"], t["end_s"], t["speaker"]) for t in held] == [
        (t.start_ms / 1000, t.end_ms / 1000, t.speaker) for t in turns
    ]
    assert all(0 < turn["confidence"] <= 1 for turn in held)


def test_the_reference_is_below_the_speaker_it_matches(page, sample):
    reference = turns_of(read_rttm(sample.with_suffix(".rttm"), "reference")["sample"])
    found = [lane for lane in lanes(page) if lane["kind"] in ("speaker", "reference")]

    assert [lane["kind"] for lane in found] == ["speaker", "reference"] * 2
    for above, below in zip(found[::2], found[1::2], strict=True):
        name = value(page, f"view.view.match[{above['label']!r}]")
        assert below["label"] == f"Reference {name}"
        assert same_times(below["times"], of_speaker(reference, name))


def test_errors_and_overlap_are_drawn(page):
    errors = value(page, "view.view.errors")
    kinds = {"missed": "Missed", "false_alarm": "False alarm", "confusion": "Confusion"}
    shown = {lane["label"]: lane["times"] for lane in lanes(page)}

    for kind, label in kinds.items():
        times = [(each["start_s"], each["end_s"]) for each in errors if each["kind"] == kind]
        assert times
        assert same_times(shown[label], times), kind
    assert len(shown["Overlap"]) >= 1
    text = page.locator(".summary").inner_text()
    score = value(page, "view.view.score")
    wrong_s = sum(score[f"{kind}_s"] for kind in kinds)
    assert f"DER {100 * wrong_s / score['reference_s']:.1f} %" in text


def test_a_click_on_a_turn_plays_it_from_its_start(shown, page, turns):
    turn = longest(turns)
    begin_s, end_s = turn.start_ms / 1000, turn.end_ms / 1000

    page.locator(f".block[data-index='{turns.index(turn)}']").click()

    shown.until(lambda: is_playing(page) and time_s(page) > begin_s + 0.1, "the sound to go on")
    assert begin_s < time_s(page) < end_s
    assert value(page, "view.selected") == turns.index(turn)
    expect(options_of(page).nth(turns.index(turn))).to_have_attribute("aria-selected", "true")
    expect(options_of(page).nth(turns.index(turn))).to_contain_text(turn.speaker)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_turn_stops_at_its_end(shown, page, turns):
    number, turn = next(
        (number, turn) for number, turn in enumerate(turns) if turn.end_ms - turn.start_ms < 1_000
    )

    options_of(page).nth(number).click()

    shown.until(lambda: time_s(page) > turn.start_ms / 1000, "the sound to go on")
    shown.until(lambda: not is_playing(page), "the sound to stop")
    assert time_s(page) == pytest.approx(turn.end_ms / 1000, abs=0.01)


def test_a_click_outside_turns_moves_the_playhead(page):
    wave = page.locator(".wave").bounding_box()

    page.locator(".wave").click(position={"x": wave["width"] / 3, "y": 10})

    assert time_s(page) == pytest.approx(10, abs=0.1)
    assert not is_playing(page)


def test_keyboard_shortcuts(shown, page, turns):
    press = page.keyboard.press
    press("ArrowRight")
    press("ArrowRight")
    assert time_s(page) == pytest.approx(10)
    press("ArrowLeft")
    assert time_s(page) == pytest.approx(5)
    press("Space")
    shown.until(lambda: is_playing(page) and time_s(page) > 5, "the sound to go on")
    press("Space")
    assert not is_playing(page)
    first = next(n for n, turn in enumerate(turns) if turn.start_ms / 1000 >= time_s(page))
    press("]")
    assert value(page, "view.selected") == first
    press("]")
    assert value(page, "view.selected") == first + 1
    press("[")
    assert value(page, "view.selected") == first
    shown.until(lambda: is_playing(page), "the turn to play")


def test_the_list_of_turns_works_by_keyboard(shown, page, turns):
    page.get_by_role("listbox", name="Turns").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "End"):
        page.keyboard.press(key)

    assert value(page, "view.selected") == len(turns) - 1
    assert time_s(page) == pytest.approx(turns[-1].start_ms / 1000)
    assert not is_playing(page)
    page.keyboard.press("Enter")
    shown.until(lambda: is_playing(page), "the turn to play")
    active = page.get_by_role("listbox").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"


def test_zooming_and_scrolling_show_the_right_part(shown, page, turns):
    width = page.locator(".scroller").evaluate("each => each.clientWidth")
    for _ in range(8):
        page.keyboard.press("+")

    assert value(page, "view.timeline.scale.width") == 30 * 400  # the most there is
    page.locator(".scroller").evaluate("each => (each.scrollLeft = each.scrollWidth)")
    last = turns[-1]

    def last_lies_where_it_should():
        times = [
            pair for lane in lanes(page) if lane["kind"] == "speaker" for pair in lane["times"]
        ]
        begins = [begin for begin, _ in times]
        return (
            begins
            and pytest.approx(last.start_ms / 1000, abs=0.01) in begins
            and len(times) < len(turns)
        )

    shown.until(last_lies_where_it_should, "the last turn to be drawn")
    page.keyboard.press("0")
    assert value(page, "view.timeline.scale.width") == width
    assert sum(len(lane["times"]) for lane in lanes(page) if lane["kind"] == "speaker") == len(
        turns
    )


def test_the_wheel_zooms_at_the_pointer(page):
    box = page.locator(".wave").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")

    scale = value(page, "view.timeline.scale.px_per_s / view.timeline.scale.least")
    assert scale == pytest.approx(4, rel=0.1)
    left = value(page, "view.timeline.scroller.scrollLeft / view.timeline.scale.px_per_s")
    assert left == pytest.approx(20 - 20 / 4, abs=0.5)


def test_the_page_requests_nothing(shown, written):
    assert shown.requests[0] == (written / "sample.html").as_uri()
    assert [url for url in shown.requests[1:] if not url.startswith(("blob:null", "data:,"))] == []


def test_without_scripts_a_note_says_what_is_missing(page, visit, written):
    plain = visit((written / "sample.html").as_uri(), java_script_enabled=False).page

    expect(plain.get_by_text("This report needs JavaScript")).to_be_visible()
    expect(page.get_by_text("This report needs JavaScript")).to_have_count(0)


def test_the_table_lists_the_speakers(page):
    assert [row[0] for row in table_cells(page)[1:]] == ["SPEAKER_00", "SPEAKER_01"]


def test_the_page_defines_no_globals(page, visit, tmp_path):
    (tmp_path / "empty.html").write_text("<!DOCTYPE html>")
    empty = visit((tmp_path / "empty.html").as_uri()).page
    names = "Object.getOwnPropertyNames(window).sort()"

    assert page.evaluate(names) == empty.evaluate(names)


def test_the_sound_in_the_page_is_the_recording(page, sample):
    held = page.evaluate("() => document.getElementById('sound').textContent")
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(held)))

    wanted, _ = soundfile.read(sample)
    assert rate_hz == 16_000
    np.testing.assert_array_equal(samples, wanted)
    assert value(page, "view.player.audio.duration") == 30


def test_an_m4a_recording_is_shown(server, sample, visit, tmp_path, turns):
    samples, _ = soundfile.read(sample, dtype="int16")
    audio = write_media(tmp_path / "call.m4a", samples)

    done = run_client(server, f"--audio_file={audio}", f"--output_directory={tmp_path}", "--report")

    assert done.returncode == 0, done.stderr
    page = opened(visit, tmp_path / "call.html").page
    assert value(page, "view.player.audio.duration") == pytest.approx(30, abs=0.1)
    found = max(value(page, "view.turns"), key=lambda turn: turn["end_s"] - turn["start_s"])
    assert found["start_s"] == pytest.approx(longest(turns).start_ms / 1000, abs=0.2)
    assert "Missed" not in [lane["label"] for lane in lanes(page)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_are_saved(visit, written, turns, scheme):
    """docs/report.png is a copy of the light one."""
    shown = opened(visit, written / "sample.html", color_scheme=scheme)
    turn = turns.index(longest(turns))
    run(shown.page, "view.selectTurn(given)", turn)
    run(shown.page, "view.seek(view.time_s + 2)")

    assert shown.screenshot(f"report_{scheme}").stat().st_size > 20_000


def test_the_page_fits_a_phone(visit, written, turns):
    shown = opened(visit, written / "sample.html", width=PHONE_WIDTH, height=1700)

    page = shown.page
    assert page.evaluate("() => document.documentElement.scrollWidth") == PHONE_WIDTH
    found = [lane for lane in lanes(page) if lane["kind"] == "speaker"]
    assert sum(len(lane["times"]) for lane in found) == len(turns)
    for label in page.locator(".label .name").all():
        box = label.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE_WIDTH
    shown.screenshot("report_phone")
