"""Arithmetic on turns."""

from formats.result import Turn
from measure.kit.turns import alone_ms, covered_ms, merged, moved


def turns(*rows):
    return [Turn(begin, end, name) for begin, end, name in rows]


def test_turns_that_are_moved_are_cut_off_at_both_ends():
    before = turns((0, 10, "gone"), (5, 20, "cut"), (30, 40, "whole"), (38, 60, "cut"))

    assert moved(before, -10, 45) == turns((0, 10, "cut"), (20, 30, "whole"), (28, 45, "cut"))
    assert moved(before, 100)[-1:] == turns((138, 160, "cut"))


def test_turns_of_one_speaker_that_touch_are_one():
    apart = turns((0, 4, "a"), (4, 6, "a"), (5, 9, "a"), (1, 3, "b"), (10, 11, "a"))

    assert merged(apart) == turns((0, 9, "a"), (1, 3, "b"), (10, 11, "a"))


def test_a_speaker_is_alone_outside_overlap():
    talk = turns((0, 4, "a"), (3, 5, "b"), (4, 9, "a"), (9, 12, "a"))

    assert alone_ms(talk, "a") == [(0, 3), (5, 12)]
    assert alone_ms(talk, "b") == []


def test_time_covered_twice_counts_once():
    assert covered_ms(turns((0, 4, "a"), (1, 2, "b"), (3, 6, "b"), (8, 9, "a"))) == 7
    assert covered_ms([]) == 0
