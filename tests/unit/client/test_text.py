"""What ids and names must not hold, and how such texts are shown."""

import pytest

from console.text import NOT_IN_IDS, NOT_IN_NAMES, shown
from diarization.request import MISLEADING

CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
BIDI_CONTROL = [*"\u061c\u200e\u200f", *map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))]
ZERO_WIDTH = ["\u200b", "\u2060", "\ufeff"]
KEPT = ["👨\u200d👩\u200d👧", "می\u200cخواهم", "क्\u200dष", "שלום", "🏴\U000e0067\U000e007f", "é"]


@pytest.mark.parametrize("character", [*CONTROL, *BIDI_CONTROL, *ZERO_WIDTH, "\udcff", "\u2028"])
def test_control_direction_and_zero_width_characters_are_refused(character):
    assert NOT_IN_NAMES.search(f"a{character}b")
    assert NOT_IN_IDS.search(f"a{character}b")


@pytest.mark.parametrize("text", KEPT)
def test_characters_of_scripts_and_emoji_are_allowed(text):
    assert not NOT_IN_NAMES.search(text)
    assert not NOT_IN_IDS.search(text)
    assert shown(text) == text


def test_the_server_refuses_the_same():
    assert set(BIDI_CONTROL + ZERO_WIDTH) == MISLEADING


@pytest.mark.parametrize("character", [*CONTROL, *BIDI_CONTROL, "\udcff", "\u2028"])
def test_characters_that_control_a_terminal_are_escaped(character):
    text = shown(f"a{character}b")

    assert text.isascii()
    assert text.isprintable()
    assert text[1:-1].encode().decode("unicode_escape") == character
