"""Pooling, averaging and false speech, with numbers that are easy to add."""

import pytest

from measure.evaluation.results import mean_scores, worst_recordings
from measure.evaluation.running import set_result
from scoring.scores import ScoringError, find_md_eval
from unit.evaluation_cases import (
    answered,
    failed,
    known_set,
    result,
    score,
    set_of,
)


@pytest.fixture
def evaluated():
    """A function that scores outcomes of a set by the real md-eval."""

    def run(known, *outcomes):
        by_id = {each.recording.recording_id: each for each in outcomes}
        return set_result(known, by_id, 5.0, find_md_eval(None))

    return run


def rates(scores):
    return [(each.collar_s, each.der) for each in scores]


TEN = [(0, 10, "anna")]
THIRTY = [(0, 30, "ben")]


def test_a_set_is_time_weighted(evaluated):
    found = evaluated(known_set("s", a=TEN, b=THIRTY), answered("a"), answered("b", (0, 30, "x")))

    assert [rates(each.scores)[1] for each in found.recordings] == [(0.0, 100.0), (0.0, 0.0)]
    assert rates(found.scores)[1] == (0.0, 25.0)


def test_each_collar_is_scored_by_itself(evaluated):
    found = evaluated(known_set("s", a=[(0, 10, "anna")]), answered("a", (0.25, 9.75, "x")))

    assert rates(found.scores) == [(0.25, 0.0), (0.0, 5.0)]


def test_the_headline_weighs_every_scored_set_the_same():
    mean = mean_scores([set_of("long", der=30.0), set_of("short", der=10.0), set_of("silent")])

    assert mean == (score(20.0), score(20.0, 0.0))


def test_without_a_scored_set_there_is_no_headline():
    assert mean_scores([set_of("silent")]) == ()


def test_a_failed_recording_counts_as_missed_and_has_a_reason(evaluated):
    found = evaluated(
        known_set("s", a=TEN, b=THIRTY), failed("a", "gone"), answered("b", (0, 30, "x"))
    )

    assert rates(found.scores)[1] == (0.0, 25.0)
    assert [each.failure for each in found.recordings] == ["gone", None]
    assert found.n_within(1) == 1


def test_false_speech_is_the_share_of_the_time_in_which_anyone_talks(evaluated):
    found = evaluated(
        known_set("noise", a=[], b=[]),
        answered("a", (1, 4, "x"), (2, 6, "y"), (8, 9, "x"), audio_s=10),  # 5 + 1 s
        answered("b", audio_s=20),
    )

    assert [each.false_speech_percent for each in found.recordings] == [60, 0]
    assert found.false_speech_percent == 20
    assert found.scores == ()


def test_a_failed_recording_without_speech_is_in_no_share(evaluated):
    found = evaluated(known_set("noise", a=[], b=[]), failed("a"), answered("b", audio_s=20))

    assert [each.false_speech_percent for each in found.recordings] == [None, 0]
    assert found.false_speech_percent == 0


def test_a_recording_without_speech_among_others_does_not_change_their_score(evaluated):
    found = evaluated(
        known_set("s", a=TEN, hush=[]), answered("a", (0, 10, "x")), answered("hush", (0, 5, "x"))
    )

    assert rates(found.scores)[1] == (0.0, 0.0)
    assert found.false_speech_percent == 5
    assert found.recordings[0].false_speech_percent is None


def test_speech_that_is_all_collar_leaves_the_recording_without_a_score(evaluated):
    found = evaluated(
        known_set("s", a=[(0, 0.4, "anna")], b=TEN),
        answered("a", (0, 0.4, "x")),
        answered("b", (0, 10, "x")),
    )

    assert found.recordings[0].scores == ()
    assert rates(found.scores)[1] == (0.0, 0.0)


def test_a_set_all_within_the_collar_is_reported_in_one_sentence(evaluated):
    with pytest.raises(ScoringError, match="no reference speech is left"):
        evaluated(known_set("s", a=[(0, 0.4, "anna")]), answered("a"))


def test_found_speakers_are_counted_against_true_ones(evaluated):
    known = known_set("s", a=[(0, 5, "anna"), (5, 9, "ben"), (9, 10, "anna")])

    found = evaluated(known, answered("a", (0, 5, "x"), (5, 8, "y"), (8, 10, "z")))

    assert found.recordings[0].n_speakers == (2, 3)


def test_seconds_of_the_servers_stages_are_added(evaluated):
    known = known_set("s", a=TEN, b=TEN)
    stages = [{"sad": 1, "total": 2.5}, {"sad": 2, "embed": 3, "total": "long"}]

    found = evaluated(known, *(answered(n, stage_s=s) for n, s in zip("ab", stages, strict=True)))

    assert found.stage_s == {"sad": 3, "total": 2.5, "embed": 3}
    assert found.audio_s == 200


def test_an_answer_without_stages_counts_none(evaluated):
    assert evaluated(known_set("s", a=TEN), answered("a", stage_s="fast")).stage_s == {}


def test_the_worst_come_first_and_those_without_a_rate_never():
    sets = [set_of("s", result("good", 1.0), result("bad", 9.0)), set_of("t", result("mid", 5.0))]
    silent = set_of("u", result("hush"))

    worst = worst_recordings([*sets, silent], 2)

    assert [(each.name, one.recording_id) for each, one in worst] == [("s", "bad"), ("t", "mid")]
    assert len(worst_recordings([*sets, silent], 9)) == 3


def test_counts_within_a_limit_leave_out_recordings_that_failed():
    pairs = {"a": ("xy", "xy"), "b": ("xyz", "vxyz"), "c": ("vwxyz", "xy")}
    results = [result(name, 1.0, true=true, found=found) for name, (true, found) in pairs.items()]
    counted = set_of("s", *results, result("d", 100.0, failure="gone"))

    assert [counted.n_within(limit) for limit in (0, 1, 9)] == [1, 2, 3]
