"""Matching speakers and finding the time in error: by hand, and against md-eval."""

import numpy as np
import pytest

from evaluation.rttm_turns import Turn, covered_s, speakers_of, turns_of
from evaluation.timeline import ErrorSpan, error_spans, matched_speakers
from evaluation.timeline_picture import strip_bounds, timeline_lanes
from md_eval import find_md_eval
from scoring import Scorer
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


def test_the_match_is_the_best_of_all_and_not_the_greedy_one():
    # x shares 6 s with a, 5 s with b; y shares 5 s with a: greedy takes x=a and leaves y nobody.
    reference = turns((0, 11, "a"), (11, 16, "b"))
    found = turns((0, 6, "x"), (6, 11, "y"), (11, 16, "x"))

    assert matched_speakers(reference, found) == {"y": "a", "x": "b"}


def test_who_shares_no_time_is_matched_to_nobody():
    assert matched_speakers(turns((0, 1, "a")), turns((2, 3, "x"))) == {}
    assert matched_speakers([], turns((0, 1, "x"))) == {}
    assert matched_speakers([], []) == {}


def test_errors_are_found_where_they_are():
    reference = turns((0, 10, "a"), (8, 14, "b"))
    found = turns((1, 9, "x"), (9, 12, "y"), (12, 16, "z"))

    spans = error_spans(reference, found, {"x": "a", "y": "b"})

    assert spans == [
        ErrorSpan(0, 1, 1, 0, 0),  # nobody found
        ErrorSpan(8, 9, 1, 0, 0),  # b talks too
        ErrorSpan(9, 10, 1, 0, 0),  # a does, too
        ErrorSpan(12, 14, 0, 0, 1),  # z for b
        ErrorSpan(14, 16, 0, 1, 0),  # nobody talks
    ]


def test_two_turns_of_one_speaker_at_once_are_one():
    assert error_spans(turns((0, 5, "a"), (3, 9, "a")), turns((0, 9, "x")), {"x": "a"}) == []


def test_nothing_said_and_nothing_found_is_no_error():
    assert error_spans([], [], {}) == []


def random_turns(generator, names):
    """Turns on a grid of 0.5 s within 0 to 40 s, the first speaker's from end to end."""
    rows = []
    for name in names:
        edges = np.sort(generator.choice(80, size=8, replace=False)) / 2
        rows += [(begin, end, name) for begin, end in edges.reshape(-1, 2)]
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_time_in_error_is_md_evals(seed):
    generator = np.random.default_rng(seed)
    # A reference from the first to the last moment: md-eval scores nothing beyond it.
    reference = [(0, 0.5, "a"), (39.5, 40, "b"), *random_turns(generator, "abc")]
    found = random_turns(generator, "wxyz")
    spoken_s = sum(covered_s([turn for turn in turns(*reference) if turn.speaker == name])
                   for name in "abc")  # fmt: skip

    match = matched_speakers(turns(*reference), turns(*found))
    spans = error_spans(turns(*reference), turns(*found), match)
    (_, score) = Scorer(find_md_eval(None), {"r": rttm("r", *reference).splitlines()}).scores(
        {"r": rttm("r", *found).encode()}
    )

    in_error_s = [sum((s.end_s - s.begin_s) * s[kind] for s in spans) for kind in (2, 3, 4)]
    expected = (score.miss, score.false_alarm, score.confusion)
    assert [100 * seconds / spoken_s for seconds in in_error_s] == pytest.approx(expected, abs=0.02)


def test_lanes_are_true_speakers_errors_found_speakers_in_the_same_order_and_colour():
    reference = turns((0, 5, "a"), (5, 9, "b"))
    found = turns((0, 2, "ghost"), (2, 5, "x"), (5, 9, "y"))

    lanes = timeline_lanes(reference, found)

    assert [name for name, _, _ in lanes] == [
        "a", "b", "missed", "false alarm", "confused", "x = a", "y = b", "ghost = nobody",
    ]  # fmt: skip
    colours = {name: colour for name, colour, _ in lanes}
    assert colours["a"] == colours["x = a"]
    assert colours["b"] == colours["y = b"]
    assert len(set(colours.values())) == 6  # a, b, three kinds of error, nobody
    bars = {name: bars for name, _, bars in lanes}
    assert bars["confused"] == [(0, 2)]
    assert bars["missed"] == bars["false alarm"] == []
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
