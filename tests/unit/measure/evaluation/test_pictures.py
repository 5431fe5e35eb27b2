"""Timelines of recordings, and figures against length."""

import pytest

from formats.result import Turn
from measure.evaluation.pictures import length_figure, strip_bounds, timeline_lanes
from measure.evaluation.report import ReportFolder
from unit.evaluation_cases import ALIKE, LONG


def turns(*rows):
    return [Turn(begin * 1000, end * 1000, name) for begin, end, name in rows]


def test_lanes_are_true_speakers_errors_found_speakers_in_the_same_order_and_colour():
    reference = turns((0, 5, "a"), (5, 9, "b"))
    found = turns((0, 2, "ghost"), (2, 5, "x"), (5, 9, "y"))

    lanes = timeline_lanes(reference, found)

    assert [name for name, _, _ in lanes] == [
        "a", "b", "missed", "false_alarm", "confusion", "x = a", "y = b", "ghost = unmatched",
    ]  # fmt: skip
    colours = {name: colour for name, colour, _ in lanes}
    assert colours["a"] == colours["x = a"]
    assert colours["b"] == colours["y = b"]
    assert len(set(colours.values())) == 6  # a, b, three kinds of error, unmatched
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
def test_a_long_recording_is_cut_into_strips(audio_s, bounds):
    assert strip_bounds([], audio_s) == bounds


def test_an_hour_has_eight_strips_that_include_turns_beyond_the_audio():
    bounds = strip_bounds(turns((3500, 3608, "a")), 3600)

    assert len(bounds) == 8
    assert bounds[-1][1] == 3608


def test_each_set_whose_lengths_differ_is_a_line_in_both_panels():
    counts, rates = length_figure([LONG, ALIKE]).axes

    assert [line.get_label() for line in rates.get_lines()] == ["long"]
    assert rates.get_lines()[0].get_xydata().tolist() == [[4, 1], [16, 3], [60, 9]]
    assert counts.get_lines()[0].get_xydata().tolist() == [[4, 1], [16, 1.5], [60, 0.5]]


def test_a_picture_of_lengths_is_written_and_one_of_an_earlier_run_is_removed(tmp_path):
    folder = ReportFolder(tmp_path)

    assert folder.draw([LONG], 0) == 0
    assert (tmp_path / "lengths.png").read_bytes().startswith(b"\x89PNG")
    folder.draw([ALIKE], 0)
    assert not (tmp_path / "lengths.png").exists()
