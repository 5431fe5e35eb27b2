"""Figures of sets from planted events, counted by hand."""

import pytest

from measure.live_measuring.accuracy import SetFigures, means, relabels_per_min, set_figures
from measure.live_measuring.streaming import Streamed
from scoring.scores import find_md_eval
from unit.evaluation_cases import known_set, rttm


def turn(number, speaker, start_s, end_s):
    return {"type": "turn", "id": number, "speaker": speaker, "start_s": start_s, "end_s": end_s}


def progress(reported_s):
    return {"type": "progress", "reported_s": reported_s}


def relabel(until_s=10.0):
    return {"type": "relabel", "from": "S1", "to": "S0", "until_s": until_s}


def streamed(name, *events, audio_s=20.0, result=()):
    return Streamed(name, audio_s, list(events), rttm(name, *result).encode())


def figures(name, latency_s="2", ders=None, relabels=None, counts=(2.0, 2.0, 2.0)):
    return SetFigures(name, latency_s, 3, 60.0, ders or {}, relabels, counts, 1)


def test_first_reports_relabels_and_result_are_scored_apart():
    truth = known_set("calls", a=[(0, 10, "x"), (10, 20, "y")])
    # One speaker taken for two during 5 s, then corrected; y is lost during the last 2 s.
    before = [turn(0, "S0", 0, 5), turn(1, "S1", 5, 10), progress(10)]
    events = [*before, relabel(), turn(2, "S2", 10, 18), progress(18)]
    heard = streamed("a", *events, result=[(0, 10, "p"), (10, 20, "q")])

    found = set_figures(truth, "2", [heard], {"a": heard.rttm}, find_md_eval(None))

    at_collar_0 = {kind: ders[1] for kind, ders in found.ders.items()}
    assert at_collar_0 == {"first": 35.0, "relabelled": 10.0, "result": 0.0}
    assert found.n_speakers == (2, 2, 2)
    assert (found.n_recordings, found.audio_s) == (1, 20.0)


def test_results_are_those_of_run_only_byte_for_byte():
    truth = known_set("calls", a=[(0, 10, "x")], b=[(0, 10, "x")])
    heard = [streamed(name, result=[(0, 10, "x")]) for name in "ab"]
    answers = {"a": heard[0].rttm, "b": heard[1].rttm.replace(b"10.000", b"10.00")}

    assert set_figures(truth, "2", heard, answers, find_md_eval(None)).n_as_run == 1


def test_a_set_without_speech_has_no_error_rate():
    heard = streamed("hum")

    found = set_figures(known_set("noise", hum=[]), "2", [heard], {"hum": b""}, find_md_eval(None))

    assert found.ders == {}
    assert found.n_as_run == 1


def test_relabels_count_per_minute_beyond_the_first():
    long = streamed("a", relabel(30.0), relabel(61.0), relabel(100.0), audio_s=120.0)
    longer = streamed("b", relabel(90.0), audio_s=180.0)

    assert relabels_per_min([long, longer, streamed("c", relabel())]) == pytest.approx(1.0)
    assert relabels_per_min([streamed("c", relabel())]) is None


def test_sets_weigh_the_same_in_the_mean_of_a_latency():
    kinds = ("first", "relabelled", "result")
    sets = [
        figures("a", ders=dict.fromkeys(kinds, (10.0, 20.0)), relabels=1.0),
        figures("a", "5", ders=dict.fromkeys(kinds, (1.0, 2.0))),
        figures("b", ders=dict.fromkeys(kinds, (20.0, 40.0)), relabels=4.0, counts=(4.0, 3.0, 2.0)),
        figures("noise"),
    ]

    two, five = means(sets)

    assert (two.latency_s, two.n_recordings, two.n_as_run) == ("2", 9, 3)
    assert two.ders == {kind: [15.0, 30.0] for kind in kinds}
    assert two.relabels_per_min == 2.5
    assert two.n_speakers == pytest.approx((8 / 3, 7 / 3, 2))
    assert five.ders == {kind: [1.0, 2.0] for kind in kinds}
    assert five.relabels_per_min is None
