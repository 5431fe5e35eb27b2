"""Characters that ids and names must not hold, and texts as they can be shown."""

import re

# Control characters, and the lone surrogates that stand for file names which are not UTF-8.
_CONTROL = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
# Unicode's bidi controls: they reorder the text around them, which then reads differently.
_DIRECTION = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Zero-width space, word joiner, byte order mark: two names could look alike and differ in them.
# The zero-width joiner and non-joiner are allowed: Persian, Indic scripts and emoji need them.
_ZERO_WIDTH = r"\u200b\u2060\ufeff"
_LINE_ENDS = r"\u2028\u2029"

NOT_IN_NAMES = re.compile(f"[{_CONTROL}{_DIRECTION}{_ZERO_WIDTH}{_LINE_ENDS}]")
NOT_IN_IDS = re.compile(rf"[\s/{_CONTROL}{_DIRECTION}{_ZERO_WIDTH}]+")
EXPECTED_IN_NAMES = "no control character, direction mark or zero-width space"
EXPECTED_IN_IDS = "no white space, control character, direction mark, zero-width space or '/'"
_CONTROLLING = re.compile(f"[{_CONTROL}{_DIRECTION}{_LINE_ENDS}]")


def shown(text: str) -> str:
    r"""Escape characters that control a terminal or reorder a line: U+202E becomes \u202e."""
    return _CONTROLLING.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def hours(length_s: float) -> str:
    """Format hours, minutes and seconds, rounded down: 3723.9 becomes 1:02:03."""
    minutes, seconds = divmod(int(length_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
