"""Errors against a reference: by hand, and against two scorers that share no line with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_cases import turns
from unit.second_scorer import second_opinion
from unit.test_second_scorer import CASES, first_opinion
from viewer.errors import Error, find_errors, match_speakers, total_ms


def compare(reference, found):
    reference, found = turns(*reference), turns(*found)
    return find_errors(reference, found, match_speakers(reference, found))


def percents(reference, found):
    """DER, miss, false alarm and confusion of the time within the reference's extent."""
    true = turns(*reference)
    begin_ms = min(turn.start_ms for turn in true)
    end_ms = max(turn.end_ms for turn in true)
    inside = [
        (max(begin, begin_ms / 1000), min(end, end_ms / 1000), name) for begin, end, name in found
    ]
    inside = [row for row in inside if row[0] < row[1]]
    spoken_ms = total_ms(find_errors(true, (), {}))["missed"]
    shares = [100 * total / spoken_ms for total in total_ms(compare(reference, inside)).values()]
    return sum(shares), *shares


def test_one_stretch_of_each_kind():
    found = compare([(0, 10, "anna"), (12, 20, "ben")], [(0, 9, "x"), (11, 14, "x"), (14, 20, "y")])

    assert found == [
        Error("missed", 9_000, 10_000, 1, ("anna",), ()),
        Error("false_alarm", 11_000, 12_000, 1, (), ("x",)),
        Error("confusion", 12_000, 14_000, 1, ("ben",), ("x",)),
    ]


def test_two_speakers_missed_at_once_count_twice():
    found = compare([(0, 4, "anna"), (1, 3, "ben")], [])

    assert [(each.start_ms, each.end_ms, each.n_speakers) for each in found] == [
        (0, 1_000, 1),
        (1_000, 3_000, 2),
        (3_000, 4_000, 1),
    ]
    assert total_ms(found) == {"missed": 6_000, "false_alarm": 0, "confusion": 0}


def test_confusion_and_a_miss_may_coincide():
    found = compare(
        [(0, 20, "anna"), (10, 12, "ben"), (10, 12, "cleo")], [(0, 10, "x"), (10, 12, "y")]
    )

    kinds = {each.kind: each for each in found if each.start_ms == 10_000}
    assert kinds["missed"].n_speakers == 2  # y is ben, so that anna and cleo are left
    assert "confusion" not in kinds
    other = compare([(0, 10, "anna"), (5, 6, "ben")], [(0, 5, "x"), (5, 6, "y"), (6, 10, "y")])
    # y is anna and x unmatched, or the other way round, 5 s against 5 s: one of two is right.
    assert sum(each.n_speakers for each in other if each.start_ms == 5_000) >= 1


def test_an_error_across_a_border_is_one():
    found = compare([(0, 5, "anna"), (5, 10, "anna")], [])

    assert [(each.start_ms, each.end_ms) for each in found] == [(0, 10_000)]


def test_correct_answers_have_no_errors():
    assert compare([(0, 5, "anna"), (4, 8, "ben")], [(0, 5, "x"), (4, 8, "y")]) == []
    assert compare([], []) == []


@pytest.mark.parametrize("case", CASES)
def test_sums_are_those_of_md_eval(case):
    reference, found = CASES[case]

    assert percents(reference, found) == pytest.approx(first_opinion(reference, found)[0], abs=0.05)


ROWS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 80), st.sampled_from("abcd")), max_size=8
).map(lambda rows: [(begin / 10, (begin + length) / 10, name) for begin, length, name in rows])


@given(ROWS.filter(len), ROWS)
def test_sums_are_those_of_pyannote(reference, found):
    assert percents(reference, found) == pytest.approx(
        second_opinion(reference, found, 0.0), abs=1e-6
    )


def test_speakers_without_shared_time_have_no_match():
    assert match_speakers(turns((0, 1, "anna")), turns((2, 3, "x"))) == {}
    assert match_speakers((), turns((2, 3, "x"))) == {}
