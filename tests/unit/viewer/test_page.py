"""A report as text: document, bundle, escaping, policy."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from formats.result import Doubt, Result, Turn
from report_cases import HOSTILE, turns
from viewer import page as page_module
from viewer.document import build_document
from viewer.page import (
    ENTRY,
    FOLDER,
    MOST_EMBEDDED_BYTES,
    STYLES,
    build_page,
    bundle,
    json_for_html,
)
from viewer.sound import Outline

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


def test_the_document_has_turns_errors_and_score():
    result = Result("a", turns((0, 2, "x"), (4, 10.5, "y")), None, "full")

    view = build_document(result, OUTLINE, turns((0, 3, "anna"), (11, 12, "late")))

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


def test_turns_have_channels_if_there_are_several():
    two = (Turn(0, 1_000, "1_SPEAKER_00"), Turn(0, 900, "2_SPEAKER_00", 0.5, 2))

    view = build_document(Result("a", two), OUTLINE, None)

    assert [turn["channel"] for turn in view["turns"]] == [2, 1]
    assert "channel" not in build_document(Result("a", two[:1]), OUTLINE, None)["turns"][0]


def test_without_a_reference_there_are_no_errors():
    view = build_document(Result("a", turns((0, 2, "x"))), OUTLINE, None)

    assert not {"reference", "match", "errors", "score", "mode", "doubt"} & set(view)


@pytest.mark.parametrize("n_separate", [None, 2])
def test_doubt_about_the_number_of_speakers_is_shown(n_separate):
    doubtful = Result("a", turns((0, 2, "x")), n_separate=n_separate, doubt=Doubt(0.071, True))

    view = build_document(doubtful, OUTLINE, None)
    page = Elements(build_page(doubtful, None, OUTLINE, b"sound"))

    of, remedy = (
        (" on one channel", "") if n_separate else ("", " If you know their number, ask for it.")
    )
    assert view["doubt"] == (
        f"More speakers may be present than were found: 7 % of the speech{of} is like no speaker "
        f"found.{remedy}"
    )
    assert page.text_of("p", **{"class": "doubt"}) == [view["doubt"]]


def test_without_doubt_there_is_no_note():
    sure = Result("a", turns((0, 2, "x")), doubt=Doubt(0.01, more_speakers_likely=False))

    assert "doubt" not in build_document(sure, OUTLINE, None)
    assert '<p class="doubt"' not in build_page(sure, None, OUTLINE, b"sound")


def test_hostile_names_stay_text():
    result = Result(HOSTILE, turns((0, 2, HOSTILE)))

    text = build_page(result, turns((0, 1, HOSTILE)), OUTLINE, b"sound")

    page = Elements(text)
    plain = Elements(build_page(Result("a", turns((0, 2, "b"))), turns((0, 1, "b")), OUTLINE, b"s"))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert html.unescape("".join(page.text_of("bdi")[:1])) == HOSTILE
    (held,) = page.text_of("script", id="document")
    assert not set("<>&") & set(held)
    view = json.loads(held)
    assert view["recording_id"] == view["turns"][0]["speaker"] == HOSTILE


def test_a_name_cannot_reorder_what_surrounds_it():
    text = build_page(Result("a\u202eb", turns((0, 2, "c\u202ed"))), None, OUTLINE, b"sound")

    page = Elements(text)
    assert page.text_of("title") == [r"a\u202eb: who spoke when"]
    assert page.text_of("bdi") == [r"a\u202eb"]
    (held,) = page.text_of("script", id="document")
    assert json.loads(held)["turns"][0]["speaker"] == "c\u202ed"


def test_json_stays_the_same_in_html():
    value = {"a": HOSTILE + "<!--\u2028\u2029]]>", "é": [1, None]}

    assert json.loads(json_for_html(value)) == value
    assert not set("<>&\u2028\u2029") & set(json_for_html(value))


def test_only_script_and_style_of_the_policy_may_run():
    text = build_page(Result("a", turns((0, 2, "x"))), None, OUTLINE, b"sound")

    page = Elements(text)
    (policy,) = [
        given["content"] for _, given in page.tags if given.get("http-equiv", "").startswith("Cont")
    ]
    (script,) = page.text_of("script", type="module")
    (style,) = page.text_of("style")
    for each in (script, style):
        digest = base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not [given for _, given in page.tags if any(name.startswith("on") for name in given)]


def test_sound_too_long_for_a_page_is_left_out():
    result = Result("a", turns((0, 2, "x")))

    carried = Elements(build_page(result, None, OUTLINE, b"sound"))
    too_long = Elements(build_page(result, None, OUTLINE, bytes(MOST_EMBEDDED_BYTES + 1)))

    assert [base64.b64decode(each) for each in carried.text_of("script", id="sound")] == [b"sound"]
    assert too_long.text_of("script", id="sound") == []


def test_a_bundle_has_every_module_once_after_those_it_imports():
    text = bundle(ENTRY)

    names = re.findall(r"^const (\w+)_js = \(\(\) => {$", text, re.MULTILINE)
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.js"))
    for name in names:
        used = re.search(rf"^const {{.*}} = {name}_js;$", text, re.MULTILINE)
        assert (used is None) == (name == "report")
        assert used is None or used.start() > text.index(f"const {name}_js = ")
    assert text == bundle(ENTRY)


@pytest.mark.parametrize(
    "line", ['import * as dom from "./b.js";', "export default 1;", 'import "./b.js";']
)
def test_a_module_that_cannot_be_bundled_is_refused(line, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "FOLDER", tmp_path)
    (tmp_path / "a.js").write_text(f"{line}\n")

    with pytest.raises(ValueError, match=r"a\.js: expected named imports"):
        bundle("a.js")


@pytest.mark.parametrize("name", [*(path.name for path in FOLDER.glob("*.js")), *STYLES])
def test_assets_can_be_part_of_a_page(name):
    text = (FOLDER / name).read_text().replace("http://www.w3.org/2000/svg", "")

    for ends_its_element in ("</script", "<!--", "</style", "\r"):
        assert ends_its_element not in text
    assert not re.search(
        r"innerHTML|insertAdjacent|document\.write|\beval\b|\.style *=|https?:", text
    )
