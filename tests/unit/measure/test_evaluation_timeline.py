"""Pictures of recordings: what is drawn, and where."""

import pytest

from measure.evaluation.rttm_turns import Turn, covered_s, speakers_of, turns_of
from measure.evaluation.timeline_picture import strip_bounds, timeline_lanes
from unit.evaluation_cases import rttm


def turns(*rows):
    return [Turn(float(begin), float(end), name) for begin, end, name in rows]


def test_turns_are_read_from_speaker_lines_only():
    lines = ["SPKR-INFO a 1 <NA> <NA> <NA> unknown x <NA>", *rttm("a", (1, 3, "x")).splitlines()]

    assert turns_of([*lines, *rttm("a", (5, 5, "y")).splitlines()]) == turns((1, 3, "x"))


def test_speakers_stand_by_first_appearance():
    assert speakers_of(turns((5, 6, "b"), (0, 1, "c"), (7, 8, "c"))) == ["c", "b"]


def test_time_covered_twice_counts_once():
    assert covered_s(turns((0, 4, "a"), (1, 2, "b"), (3, 6, "b"), (8, 9, "a"))) == 7
    assert covered_s([]) == 0


def test_lanes_are_true_speakers_errors_found_speakers_in_the_same_order_and_colour():
    reference = turns((0, 5, "a"), (5, 9, "b"))
    found = turns((0, 2, "ghost"), (2, 5, "x"), (5, 9, "y"))

    lanes = timeline_lanes(reference, found)

    assert [name for name, _, _ in lanes] == [
        "a", "b", "missed", "false_alarm", "confusion", "x = a", "y = b", "ghost = nobody",
    ]  # fmt: skip
    colours = {name: colour for name, colour, _ in lanes}
    assert colours["a"] == colours["x = a"]
    assert colours["b"] == colours["y = b"]
    assert len(set(colours.values())) == 6  # a, b, three kinds of error, nobody
    bars = {name: bars for name, _, bars in lanes}
    assert bars["confusion"] == [(0, 2)]
    assert bars["missed"] == bars["false_alarm"] == []
    assert bars["x = a"] == [(2, 5)]


@pytest.mark.parametrize(
    ("audio_s", "bounds"),
    [
        (30, [(0, 30)]),
        (60, [(0, 60)]),
        (90, [(0, 45), (45, 90)]),
        (0, [(0, 1)]),
    ],
)
def test_a_long_recording_goes_over_several_strips(audio_s, bounds):
    assert strip_bounds([], audio_s) == bounds


def test_an_hour_goes_over_no_more_than_eight_strips_and_turns_beyond_the_audio_are_shown():
    bounds = strip_bounds(turns((3500, 3608, "a")), 3600)

    assert len(bounds) == 8
    assert bounds[-1][1] == 3608
