"""The web page in use: from a file or the microphone to a named, corrected, exported result."""

import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from e2e.browser import FAKE_DEVICE, GRANTED, fake_microphone
from e2e.report_view import is_playing, lanes, run, same_times, time_s, value
from e2e.web_page import (
    choose,
    choose_turn,
    download,
    drop,
    go_to,
    job_of,
    kept_turns,
    own_requests,
    ready,
    remembered,
    saved,
    shown_turns,
    slow_down,
    start,
    watch_text,
    watched,
)
from formats.rttm import turns_of

NAME = "Ana María"

pytestmark = pytest.mark.triton


@pytest.fixture
def shown(visit, gateway, mp3):
    """The page with the result of the recording."""
    seen = visit(gateway.url)
    start(seen.page, mp3)
    ready(seen.page)
    return seen


@pytest.fixture
def page(shown):
    return shown.page


@pytest.fixture
def job(page):
    return job_of(page)


def rttm_turns(text):
    return [
        (turn.start_ms / 1000, turn.end_ms / 1000, turn.speaker)
        for turn in turns_of(text.splitlines())
    ]


def of_speaker(turns, speaker):
    return [(begin, end) for begin, end, name in turns if name == speaker]


def assert_progress_was_shown(texts):
    """The upload in bytes, exactly; all else as an estimate."""
    percents = [int(found[1]) for text in texts if (found := re.search(r"sent, (\d+) %", text))]
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    for text in texts:
        assert "sent" in text or "an estimate" in text or "longer than estimated" in text


def correct(page):
    """Rename, move a border, merge, and take the merging back; turns before and after."""
    before = shown_turns(page)
    page.get_by_label(f"Name of {before[0][2]}").fill(NAME)
    page.keyboard.press("Enter")
    expect(page.get_by_text("in RTTM Ana_María")).to_be_visible()
    choose_turn(page, 0)
    page.get_by_role("textbox", name="End").fill("0:07.5")
    page.keyboard.press("Enter")
    (other,) = {name for _, _, name in shown_turns(page)} - {NAME}
    merging = page.get_by_label(f"Merge {other} into another speaker")
    assert merging.locator("option").count() == 1  # each name in every list would be a square
    merging.focus()
    merging.select_option(NAME)
    assert {name for _, _, name in shown_turns(page)} == {NAME}
    page.get_by_role("button", name="Undo").click()
    return before, shown_turns(page)


def assert_files_hold(page, turns):
    """Every format has the corrections; RTTM is read back."""
    name, rttm = download(page, "RTTM")
    assert "Our_call" in name
    assert rttm_turns(rttm) == [(*times, name.replace(" ", "_")) for *times, name in turns]
    for entry in ("SRT", "WebVTT", "TextGrid", "Audacity", "CSV", "JSON"):
        name, text = download(page, entry)
        assert NAME in text, entry
        assert "Our_call" in name
    assert download(page, "UEM")[1].split()[0] == "Our_call"
    name, report = download(page, "Report")
    assert name == "Our_call.html"
    assert NAME in report


def test_from_an_mp3_to_a_named_corrected_exported_result(visit, gateway, mp3):
    seen = visit(gateway.url)
    page = seen.page
    session = slow_down(page)
    watch_text(page, ".progress-text")
    start(page, mp3)
    ready(page)
    session.detach()
    job = job_of(page)
    assert_progress_was_shown(watched(page))

    found = rttm_turns(gateway.get(f"{job}/result?format=rttm").text)
    assert shown_turns(page) == found
    for lane in lanes(page):
        if lane["kind"] == "speaker":
            assert same_times(lane["times"], of_speaker(found, lane["label"]))

    longest = max(found, key=lambda turn: turn[1] - turn[0])
    page.locator(f".block[data-index='{found.index(longest)}']").click()
    seen.until(lambda: is_playing(page) and time_s(page) > longest[0], "the turn to play")
    page.keyboard.press("Space")

    before, corrected = correct(page)
    wanted = [(*times, NAME if name == before[0][2] else name) for *times, name in before]
    assert corrected == [(before[0][0], 7.5, NAME), *wanted[1:]]
    saved(page)
    page.reload()
    ready(page)
    assert shown_turns(page) == corrected == kept_turns(gateway, job)
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()

    assert_files_hold(page, corrected)
    assert own_requests(seen, gateway.url) == []


def test_the_borders_of_a_turn_are_dragged_and_moved_by_keys(shown, page, gateway, job):
    choose_turn(page, 2)
    begin, end, speaker = shown_turns(page)[2]
    handle = page.get_by_role("slider", name="End of the turn")
    box = handle.bounding_box()
    px_per_s = value(page, "view.timeline.scale.px_per_s")

    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + px_per_s / 4, y)
    page.mouse.move(x + px_per_s / 2, y)
    page.mouse.up()

    assert shown_turns(page)[2] == (begin, pytest.approx(end + 0.5, abs=2 / px_per_s), speaker)
    dragged = shown_turns(page)[2][1]
    page.get_by_role("slider", name="Begin of the turn").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowRight")
    assert shown_turns(page)[2][:2] == (pytest.approx(begin - 0.09), dragged)
    assert not is_playing(page)
    saved(page)
    assert kept_turns(gateway, job) == shown_turns(page)


def test_escape_cancels_a_drag(page):
    before = shown_turns(page)
    choose_turn(page, 2)
    box = page.get_by_role("slider", name="End of the turn").bounding_box()

    page.mouse.move(box["x"] + 7, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 10)
    page.keyboard.press("Escape")
    page.mouse.up()

    assert shown_turns(page) == before
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_turns_are_split_added_deleted_and_reassigned(page, gateway, job):
    before = shown_turns(page)
    begin, end, speaker = before[4]
    choose_turn(page, 4)
    go_to(page, begin + 1)
    page.keyboard.press("s")
    assert (begin, pytest.approx(begin + 1), speaker) in shown_turns(page)
    assert (pytest.approx(begin + 1), end, speaker) in shown_turns(page)

    page.get_by_label("Who talks").select_option("A new speaker")
    assert shown_turns(page)[4][2] == "SPEAKER_02"
    page.get_by_role("listbox", name="Turns").focus()
    page.keyboard.press("Delete")
    assert len(shown_turns(page)) == len(before)

    go_to(page, 1)
    page.keyboard.press("n")
    assert shown_turns(page)[0][:2] == (1, 3)
    expect(page.get_by_role("heading", name="Turn 1 of")).to_be_visible()

    for _ in range(4):
        page.keyboard.press("Control+z")
    assert shown_turns(page) == before
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    for _ in range(4):
        page.keyboard.press("Control+Shift+z")
    assert shown_turns(page)[0][:2] == (1, 3)
    saved(page)
    assert kept_turns(gateway, job) == shown_turns(page)


def test_invalid_corrections_are_refused_with_a_sentence(page):
    before = shown_turns(page)
    one, other = dict.fromkeys(name for _, _, name in before)
    page.get_by_label(f"Name of {one}").fill(other)
    page.keyboard.press("Enter")
    expect(page.get_by_text("merge the two instead")).to_be_visible()
    choose_turn(page, 1)
    page.get_by_role("textbox", name="Begin").fill("0:29")
    page.keyboard.press("Enter")
    expect(page.get_by_text("ends after it begins")).to_be_visible()
    page.get_by_role("textbox", name="Begin").fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_text("A border is a number")).to_be_visible()

    assert shown_turns(page) == before
    expect(page.get_by_role("textbox", name="Begin")).to_have_value(re.compile(r"^0:0\d\.\d{3}$"))
    expect(page.get_by_label(f"Name of {one}")).to_have_value(one)


def test_options_reach_the_job(visit, gateway, sample):
    page = visit(gateway.url).page
    page.get_by_label("Exactly").check()
    page.get_by_label("Number of speakers").fill("1")
    page.get_by_label("Fast").check()
    start(page, sample)
    ready(page)

    assert gateway.get(job_of(page)).json()["options"] == {"mode": "classic", "num_speakers": 1}
    assert len({name for _, _, name in shown_turns(page)}) == 1


def test_a_call_is_dropped_and_its_channels_are_separate(visit, gateway, sample, tmp_path):
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    call = tmp_path / "Two sides.flac"
    soundfile.write(call, np.stack([samples, samples[::-1]], axis=1), rate_hz)
    page = visit(gateway.url).page

    drop(page, call)
    page.get_by_label("Every channel on its own").check()
    page.get_by_label("Between").check()
    page.get_by_label("At most").fill("2")
    page.get_by_role("button", name="Start").click()
    ready(page)
    choose_turn(page, 0)
    page.keyboard.press("n")
    saved(page)

    job = gateway.get(job_of(page)).json()
    assert job["options"] == {
        "mode": "full",
        "min_speakers": 2,
        "max_speakers": 2,
        "channels": "separate",
    }
    assert {name[:4] for _, _, name in kept_turns(gateway, job_of(page))} == {"CH1_", "CH2_"}
    assert value(page, "new Set(view.turns.map((turn) => turn.channel)).size") == 2


def test_several_files_are_sent_in_turn_and_listed(visit, gateway, sample, mp3):
    page = visit(gateway.url).page
    choose(page, sample, mp3)
    page.get_by_role("button", name="Start all 2").click()

    mine = page.get_by_role("region", name="My recordings")
    expect(mine.get_by_text("Done")).to_have_count(2, timeout=60_000)
    assert len(remembered(page)) == 2
    mine.get_by_role("link", name="Our call.mp3").click()
    ready(page)
    expect(page.get_by_role("heading", name="Our call.mp3")).to_be_visible()


def test_a_recording_becomes_a_result(opened, gateway, speech):
    seen = opened(gateway.url, *fake_microphone(speech))
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
    # The player can seek in it, though the recorded file has no length.
    run(page, "view.seek(5)")
    seen.until(lambda: not value(page, "view.player.audio.seeking"), "the player to get there")
    assert value(page, "view.time_s") == pytest.approx(5, abs=0.01)
    assert seen.complaints == []


def test_a_denied_microphone_is_reported(opened, gateway):
    page = opened(gateway.url, FAKE_DEVICE).page

    page.get_by_role("button", name="Record").click()

    expect(page.get_by_text("The microphone may not be used")).to_be_visible()
    expect(page.get_by_role("button", name="Record")).to_be_enabled()
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("The microphone may not be used")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert gateway.files() == []


def test_a_missing_microphone_is_reported(opened, gateway):
    page = opened(gateway.url, GRANTED).page

    page.get_by_role("button", name="Record").click()

    expect(page.get_by_text("There is no microphone.")).to_be_visible()
