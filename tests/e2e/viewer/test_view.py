"""Reports of made-up turns in a browser: hostile, silent, an hour long, changed; and the sound."""

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from e2e.long_recordings import repeated
from e2e.report_view import (
    RATE_HZ,
    ROWS,
    TRUE_ROWS,
    is_playing,
    lanes,
    make_report,
    opened,
    run,
    same_times,
    table_cells,
    time_s,
    value,
)
from formats.result import Doubt, Result
from media_files import noise
from report_cases import HOSTILE, turns
from viewer.page import build_report

OPENS_WITHIN_S = 2.0
SAME_MOMENT_S = 0.02
NAMED = HOSTILE.replace(" ", "_")  # RTTM's fields hold no white space
# What is read of a page, by eyes and by screen readers.
ALL_TEXTS = """() => [document.title, document.body.innerText,
    ...[...document.querySelectorAll("[title], [aria-label]")].flatMap((each) =>
        ["title", "aria-label"].map((name) => each.getAttribute(name) ?? "")),
]"""
# Time from the navigation until lanes are painted and the sound can be played.
NOTE_WHEN_READY = """document.addEventListener("loadedmetadata", () => {
    requestAnimationFrame(() => requestAnimationFrame(() => {
        if (document.querySelector(".lane-speaker .block")) globalThis.ready_ms = performance.now();
    }));
}, true);"""
# Samples that the player gives out after a seek, from the first that is not silence.
LISTEN = """
    const { starts_s, length_s } = given;
    const { audio } = view.player;
    const context = new AudioContext({ sampleRate: 16000 });
    const listener = context.createScriptProcessor(1024, 1, 1);
    let blocks = [];
    listener.onaudioprocess = (event) => {
        const block = event.inputBuffer.getChannelData(0);
        if (blocks.length || block.some((sample) => sample)) blocks.push([...block]);
    };
    context.createMediaElementSource(audio).connect(listener);
    listener.connect(context.destination);
    await context.resume();
    const heard = [];
    for (const start_s of starts_s) {
        const seeked = new Promise((resolve) => (audio.onseeked = resolve));
        view.seek(start_s);
        await seeked;
        blocks = [];
        await audio.play();
        while (blocks.length * 1024 < length_s * 16000) {
            await new Promise((go) => setTimeout(go, 20));
        }
        audio.pause();
        heard.push(blocks.flat());
        await new Promise((go) => setTimeout(go, 200));
    }
    return heard;
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that makes a report of samples and turns, by the command; returns its path."""
    return lambda *of: make_report(tmp_path_factory.mktemp("made"), *of)


@pytest.fixture(scope="module")
def talk(made):
    return made("talk", noise(20 * RATE_HZ), ROWS, TRUE_ROWS)


@pytest.fixture
def page(visit, talk):
    return opened(visit, talk).page


def test_sound_and_turns_are_aligned(visit, talk):
    page = opened(visit, talk).page
    starts_s = [0.0, 3.333, 12.5, 7.0]
    page.locator(".wave").click()  # browsers play nothing before a user gesture

    heard = run(page, LISTEN, {"starts_s": starts_s, "length_s": 0.4})

    samples = noise(20 * RATE_HZ) / 32_768
    for start_s, blocks in zip(starts_s, heard, strict=True):
        first = np.flatnonzero(blocks)[0]
        part = np.array(blocks[first + 800 : first + 4_000])
        likeness = np.correlate(samples, part, "valid")
        moment_s = (likeness.argmax() - 800) / RATE_HZ
        assert moment_s == pytest.approx(start_s, abs=SAME_MOMENT_S)


def seconds_to_open(visit, path):
    shown = visit("about:blank")
    page = shown.page
    page.add_init_script(NOTE_WHEN_READY)
    page.goto(path.as_uri(), wait_until="commit")
    ready_ms = shown.until(lambda: page.evaluate("globalThis.ready_ms"), "lanes and sound")
    assert page.locator(".lane-speaker .block").count() > 100
    assert value(page, "view.player.audio.duration") == pytest.approx(3600, abs=0.01)
    assert len(value(page, "view.turns")) == 1600
    page.context.close()
    return ready_ms / 1000


def test_an_hour_opens_within_two_seconds(visit, made, sample, tmp_path):
    (tmp_path / "hour.flac").write_bytes(repeated(sample, 120))
    samples, _ = soundfile.read(tmp_path / "hour.flac", dtype="int16")
    rows = [(2.25 * n, 2.25 * n + 1.9, f"speaker{n % 5}") for n in range(1600)]
    path = made("hour", samples, rows, [(begin + 0.2, end, name) for begin, end, name in rows])

    took_s = [seconds_to_open(visit, path) for _ in range(3)]
    opened(visit, path).screenshot("report_hour")

    assert min(took_s) < OPENS_WITHIN_S, took_s
    assert path.stat().st_size < 60e6


def test_an_hour_is_shown_in_parts(visit, made):
    rows = [(2.25 * n, 2.25 * n + 1.9, f"speaker{n % 2}") for n in range(1600)]
    page = opened(visit, made("long", np.zeros(3600 * RATE_HZ, np.int16), rows)).page

    assert page.locator(".block").count() < 1600  # turns thinner than a pixel are drawn together
    run(page, "view.seek(1800); view.zoomBy(1e6);")
    seen = [lane for lane in lanes(page) if lane["kind"] == "speaker"]
    shown = sorted(pair for lane in seen for pair in lane["times"])
    first = next(n for n, (_, end, _) in enumerate(rows) if end >= shown[0][0] - 0.01)
    assert len(shown) < 20
    assert same_times(shown, [row[:2] for row in rows[first : first + len(shown)]])
    assert shown[0][0] < 1800 < shown[-1][1]


def test_hostile_names_stay_text(visit, made):
    shown = opened(visit, made("talk", noise(20 * RATE_HZ), [(0, 5, NAMED)], [(0, 4, NAMED)]))

    assert shown.page.locator("img").count() == 0
    expect(shown.page.locator(".label.lane-speaker .name")).to_have_text(NAMED)
    expect(shown.page.locator(".turn .name")).to_have_text(NAMED)
    assert table_cells(shown.page)[1][0] == NAMED


def test_a_name_does_not_reorder_what_surrounds_it(visit, made):
    name = "Ana\u202egpj"
    page = opened(visit, made("marks", noise(5 * RATE_HZ), [(0, 2, name)], [(0, 2, name)])).page

    texts = page.evaluate(ALL_TEXTS)
    assert [text for text in texts if "\u202e" in text] == []
    assert lanes(page)[0]["label"] == table_cells(page)[1][0] == r"Ana\u202egpj"
    assert value(page, "view.turns[0].speaker") == name
    for place in (".label.lane-speaker .name", ".turn .name", "tbody th", "h1"):
        assert page.locator(f"{place} bdi").count() == 1, place


def test_doubt_about_the_number_of_speakers_is_shown(visit, talk, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(RATE_HZ), RATE_HZ)
    doubtful = Result("a", turns((0, 1, "x")), doubt=Doubt(0.071, more_speakers_likely=True))
    (tmp_path / "a.html").write_text(build_report(tmp_path / "a.wav", doubtful))

    page = opened(visit, tmp_path / "a.html").page
    plain = visit((tmp_path / "a.html").as_uri(), java_script_enabled=False).page

    text = "More speakers may be present than were found: 7 % of the speech"
    note = page.get_by_role("note", name="Number of speakers")
    expect(note).to_contain_text(text)
    expect(note).to_be_in_viewport()
    expect(plain.get_by_text(text)).to_be_visible()
    assert opened(visit, talk).page.locator(".doubt").count() == 0


def test_a_recording_without_speech_is_shown(visit, made):
    page = opened(visit, made("talk", noise(RATE_HZ), [])).page

    expect(page.get_by_text("No speech found.")).to_be_visible()
    assert lanes(page) == []
    for key in ("]", "[", "ArrowDown", "+", "0", "ArrowRight"):
        page.keyboard.press(key)
    assert time_s(page) == 1
    page.get_by_role("listbox").press("End")


def test_other_turns_can_be_shown(page):
    run(
        page,
        """
        globalThis.heard = [];
        for (const name of ["turnschanged", "turnselected", "timechanged"]) {
            view.addEventListener(name, ({ detail }) => heard.push([name, detail]));
        }
        view.setTurns([
            { start_s: 8, end_s: 9, speaker: "cleo", confidence: null },
            { start_s: 1, end_s: 3, speaker: "anna", confidence: 0.5 },
        ]);
        view.selectTurn(1);
        """,
    )

    found = {lane["label"]: lane["times"] for lane in lanes(page) if lane["kind"] == "speaker"}
    assert list(found) == ["anna", "cleo"]
    assert same_times(found["cleo"], [(8, 9)])
    assert [row[:3] for row in table_cells(page)[1:]] == [
        ["anna", "1", "0:02.0"],
        ["cleo", "1", "0:01.0"],
    ]
    heard = page.evaluate("heard")
    assert ["timechanged", {"time_s": 8}] in heard
    changes = [each for each in heard if each[0] != "timechanged"]
    assert [name for name, _ in changes] == ["turnschanged", "turnselected", "turnselected"]
    assert changes[-1] == [
        "turnselected",
        {"index": 1, "turn": {"start_s": 8, "end_s": 9, "speaker": "cleo", "confidence": None}},
    ]


def test_the_chosen_turn_stays_chosen_when_turns_change(page):
    run(
        page,
        """
        view.zoomBy(4);
        const turns = view.turns.map((turn) => ({ ...turn, speaker: "all" }));
        turns.push(turns.shift()); // in any order
        view.setTurns(turns, 0);
        """,
    )

    assert value(page, "view.selected") == 1
    assert value(page, "view.timeline.scale.px_per_s / view.timeline.scale.least") == 4
    assert page.locator(".block.selected").get_attribute("data-index") == "1"
    assert page.locator(".turn[aria-selected=true]").get_attribute("data-index") == "1"


def test_the_view_follows_the_playhead(visit, talk):
    shown = opened(visit, talk)
    page = shown.page
    run(page, "view.zoomBy(1e6); view.seek(2.0);")
    left = page.locator(".scroller").evaluate("each => each.scrollLeft")

    page.get_by_role("button", name="Play").click()

    shown.until(lambda: time_s(page) > 5.5, "the sound to leave what is seen")
    assert is_playing(page)
    assert value(page, "view.timeline.shows(view.time_s)")
    assert page.locator(".scroller").evaluate("each => each.scrollLeft") > left


def test_a_page_without_sound_says_so(visit, made, monkeypatch):
    monkeypatch.setattr("viewer.page.MOST_EMBEDDED_BYTES", 10)
    page = visit(made("talk", noise(RATE_HZ), [(0, 1, "x")]).as_uri()).page

    expect(page.get_by_text("too long to be part of this page")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_disabled()
    assert len(lanes(page)) == 1
