"""The page as text: statistics, document, escaping, policy."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.result import Doubt, Result, Turn
from report_cases import HOSTILE, turns
from unit.seeded import seeded
from viewer.document import Outline, document
from viewer.making import MOST_EMBEDDED_BYTES, page_of
from viewer.page import FOLDER, VIEWER_SCRIPTS, VIEWER_STYLES, json_for_html
from viewer.statistics import SpeakerStatistics, statistics
from viewer.table import clock, statistics_table

OUTLINE = Outline(10_000, bytes(range(100)) * 10)


class Elements(HTMLParser):
    """What a browser would see: tags with attributes, and the text of each kind of element."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        self.texts.append((*self._open[-1], data) if self._open else ("", {}, data))

    def text_of(self, wanted, **attributes):
        return [
            text
            for tag, given, text in self.texts
            if tag == wanted and attributes.items() <= given.items()
        ]


def test_statistics_on_paper():
    rows = statistics(turns((0, 4, "anna"), (3, 5, "ben"), (6, 7, "anna"), (7, 8, "cleo")))

    assert rows == [
        SpeakerStatistics("anna", 2, 5_000, 5 / 8, 2_500, 4_000, 1 / 5),
        SpeakerStatistics("ben", 1, 2_000, 2 / 8, 2_000, 2_000, 1 / 2),
        SpeakerStatistics("cleo", 1, 1_000, 1 / 8, 1_000, 1_000, 0),
    ]
    assert statistics(()) == []


def test_turns_of_one_speaker_that_overlap_count_once():
    (row,) = statistics(turns((0, 4, "anna"), (2, 6, "anna")))

    assert (row.talk_ms, row.n_turns, row.overlap_share) == (6_000, 2, 0)


@seeded(50)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from("abc")), max_size=12)
)
def test_talk_times_are_those_counted_millisecond_by_millisecond(rows):
    talking = [
        {name for start, length, name in rows if start <= moment < start + length}
        for moment in range(70)
    ]
    for row in statistics(tuple(Turn(start, start + length, name) for start, length, name in rows)):
        own = [names for names in talking if row.speaker in names]
        assert row.talk_ms == len(own)
        assert row.share == len(own) / sum(map(len, talking))
        assert row.overlap_share == sum(len(names) > 1 for names in own) / len(own)


@pytest.mark.parametrize(
    ("time_ms", "text"), [(0, "0:00.0"), (66_789, "1:06.8"), (3_599_960, "1:00:00.0")]
)
def test_clock(time_ms, text):
    assert clock(time_ms) == text


def test_the_table_says_the_numbers():
    text = statistics_table(turns((0, 4, "anna"), (3, 5, "<b>")))

    assert re.findall(r"<t[hd][^>]*>(?:<bdi>)?([^<]*)</(?:bdi|t[hd])>", text)[7:] == [
        *("anna", "1", "0:04.0", "67 %", "4.0 s", "4.0 s", "25 %"),
        *("&lt;b&gt;", "1", "0:02.0", "33 %", "2.0 s", "2.0 s", "50 %"),
    ]
    assert "No speech found" in statistics_table(())


def test_the_document_holds_turns_errors_and_score():
    result = Result("a", turns((0, 2, "x"), (4, 10.5, "y")), None, "full")

    view = document(result, OUTLINE, turns((0, 3, "anna"), (11, 12, "late")))

    assert view["turns"][1] == {"start_s": 4, "end_s": 10, "speaker": "y", "confidence": None}
    assert view["reference"] == [{"start_s": 0, "end_s": 3, "speaker": "anna"}]
    assert view["match"] == {"x": "anna"}
    assert [(each["kind"], each["start_s"], each["end_s"]) for each in view["errors"]] == [
        ("missed", 2, 3),
        ("false_alarm", 4, 10),
    ]
    assert view["score"] == {
        "reference_s": 3,
        "missed_s": 1,
        "false_alarm_s": 6,
        "confusion_s": 0,
    }
    assert base64.b64decode(view["peaks"]["data"]) == OUTLINE.peaks
    assert (view["audio_s"], view["mode"], view["schema"]) == (10, "full", "diarization-view/1")


def test_channels_are_told_where_there_are_several():
    two = (Turn(0, 1_000, "1_SPEAKER_00"), Turn(0, 900, "2_SPEAKER_00", 0.5, 2))

    view = document(Result("a", two), OUTLINE, None)

    assert [turn["channel"] for turn in view["turns"]] == [2, 1]
    assert "channel" not in document(Result("a", two[:1]), OUTLINE, None)["turns"][0]


def test_without_reference_nothing_is_said_of_errors():
    view = document(Result("a", turns((0, 2, "x"))), OUTLINE, None)

    assert not {"reference", "match", "errors", "score", "mode", "doubt"} & set(view)


@pytest.mark.parametrize("n_separate", [None, 2])
def test_doubt_about_the_number_of_speakers_is_said(n_separate):
    doubtful = Result("a", turns((0, 2, "x")), n_separate=n_separate, doubt=Doubt(0.071, True))

    view = document(doubtful, OUTLINE, None)
    page = Elements(page_of(doubtful, None, OUTLINE, b"sound"))

    of, remedy = (
        (" on one channel", "") if n_separate else ("", " Where their number is known, ask for it.")
    )
    assert view["doubt"] == (
        f"More speakers may be present than were found: 7 % of the speech{of} is like no speaker "
        f"found.{remedy}"
    )
    assert page.text_of("p", **{"class": "doubt"}) == [view["doubt"]]


def test_where_there_is_no_doubt_nothing_is_said_of_it():
    sure = Result("a", turns((0, 2, "x")), doubt=Doubt(0.01, more_speakers_likely=False))

    assert "doubt" not in document(sure, OUTLINE, None)
    assert '<p class="doubt"' not in page_of(sure, None, OUTLINE, b"sound")


def test_hostile_names_stay_text():
    result = Result(HOSTILE, turns((0, 2, HOSTILE)))

    text = page_of(result, turns((0, 1, HOSTILE)), OUTLINE, b"sound")

    page = Elements(text)
    plain = Elements(page_of(Result("a", turns((0, 2, "b"))), turns((0, 1, "b")), OUTLINE, b"s"))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert html.unescape("".join(page.text_of("bdi")[:1])) == HOSTILE
    (held,) = page.text_of("script", id="document")
    assert not set("<>&") & set(held)
    view = json.loads(held)
    assert view["recording_id"] == view["turns"][0]["speaker"] == HOSTILE


def test_a_name_cannot_reorder_what_stands_around_it():
    text = page_of(Result("a\u202eb", turns((0, 2, "c\u202ed"))), None, OUTLINE, b"sound")

    page = Elements(text)
    assert page.text_of("title") == [r"a\u202eb: who spoke when"]
    assert page.text_of("bdi") == [r"a\u202eb", r"c\u202ed"]
    (held,) = page.text_of("script", id="document")
    assert json.loads(held)["turns"][0]["speaker"] == "c\u202ed"


def test_json_keeps_its_meaning_in_html():
    value = {"a": HOSTILE + "<!--\u2028\u2029]]>", "é": [1, None]}

    assert json.loads(json_for_html(value)) == value
    assert not set("<>&\u2028\u2029") & set(json_for_html(value))


def test_only_what_the_policy_names_may_run():
    text = page_of(Result("a", turns((0, 2, "x"))), None, OUTLINE, b"sound")

    page = Elements(text)
    (policy,) = [
        given["content"] for _, given in page.tags if given.get("http-equiv", "").startswith("Cont")
    ]
    run = [
        text for tag, given, text in page.texts if tag == "style" or (tag == "script" and not given)
    ]
    assert len(run) == len(VIEWER_SCRIPTS) + 2
    for each in run:
        digest = base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not [given for _, given in page.tags if any(name.startswith("on") for name in given)]


def test_the_sound_is_carried_until_it_is_too_long_for_a_page():
    result = Result("a", turns((0, 2, "x")))

    carried = Elements(page_of(result, None, OUTLINE, b"sound"))
    too_long = Elements(page_of(result, None, OUTLINE, bytes(MOST_EMBEDDED_BYTES + 1)))

    assert [base64.b64decode(each) for each in carried.text_of("script", id="sound")] == [b"sound"]
    assert too_long.text_of("script", id="sound") == []


@pytest.mark.parametrize("name", [*VIEWER_SCRIPTS, "report.js", *VIEWER_STYLES])
def test_assets_can_stand_in_a_page_or_be_served(name):
    text = (FOLDER / name).read_text()

    assert "</script" not in text
    assert "<!--" not in text
    assert "</style" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "\r" not in text
    assert len(text.splitlines()) <= 300
    assert name.endswith(".css") or text.startswith('"use strict";\n// ')
    assert not re.search(
        r"innerHTML|insertAdjacent|document\.write|\beval\b|\.style *=|http:",
        text.replace("http://www.w3.org/2000/svg", ""),
    )
