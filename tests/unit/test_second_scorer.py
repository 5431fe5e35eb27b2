"""md-eval, as we run it, and pyannote.metrics agree: two scorers that share no line of code."""

import os
from pathlib import Path

import numpy as np
import pytest

from formats.rttm import turns_of
from scoring.scores import Scorer, find_md_eval
from server.triton_server import ROOT
from unit.evaluation_cases import rttm
from unit.second_scorer import second_opinion, untouched_opinion

AGREEMENT_POINTS = 0.05
SAMPLE = ROOT / "data" / "sample" / "sample.rttm"
CALM = [(0, 10, "anna"), (12, 20, "ben"), (21, 30, "anna")]
OVERLAPPED = [(0, 10, "anna"), (8, 20, "ben"), (15, 17, "cleo"), (19, 30, "anna")]
CASES = {
    "all right": (CALM, [(0, 10, "x"), (12, 20, "y"), (21, 30, "x")]),
    "nothing found": (CALM, [(50, 51, "x")]),
    "one speaker for two": (CALM, [(0, 10, "x"), (12, 20, "x"), (21, 30, "x")]),
    "three speakers for two": (CALM, [(0, 10, "x"), (12, 20, "y"), (21, 30, "z")]),
    "edges within the collar": (CALM, [(0.2, 10.2, "x"), (11.8, 20.1, "y"), (21, 29.9, "x")]),
    "edges beyond the collar": (CALM, [(0.7, 10.6, "x"), (11.1, 20.9, "y"), (21.6, 29, "x")]),
    "speech found in a pause": (CALM, [(0, 12, "x"), (12, 20, "y"), (20, 30, "x")]),
    "speech found beyond the reference": (
        [(5, 10, "anna"), (12, 20, "ben")],
        [(0, 10, "x"), (12, 28, "y")],
    ),
    "overlap found": (OVERLAPPED, [(0, 10, "x"), (8, 20, "y"), (15, 17, "z"), (19, 30, "x")]),
    "overlap missed": (OVERLAPPED, [(0, 9, "x"), (9, 19.5, "y"), (19.5, 30, "x")]),
    "overlap found where there is none": (CALM, [(0, 10, "x"), (5, 20, "y"), (21, 30, "x")]),
    "turns of one speaker that overlap": (
        [(0, 6, "anna"), (4, 10, "anna"), (12, 20, "ben")],
        [(0, 10, "x"), (12, 18, "y"), (16, 20, "y")],
    ),
    "turns of one speaker that touch": (
        [(0, 6, "anna"), (6, 10, "anna"), (12, 20, "ben")],
        [(0, 5.9, "x"), (6.1, 10, "y"), (12, 20, "z")],
    ),
    "a turn shorter than its collars": (
        [(0, 10, "anna"), (11, 11.3, "ben"), (13, 20, "ben")],
        [(0, 10, "x"), (13, 20, "y")],
    ),
}


def first_opinion(reference, found):
    """DER, miss, false alarm and confusion by collar, from md-eval."""
    scorer = Scorer(find_md_eval(None), {"r": rttm("r", *reference).splitlines()})
    return {
        score.collar_s: (score.der, score.miss, score.false_alarm, score.confusion)
        for score in scorer.scores({"r": rttm("r", *found).encode()})
    }


def disagreement(reference, found, second=second_opinion):
    """Greatest difference of DER, miss, false alarm and confusion in points, at both collars."""
    return max(
        np.abs(np.subtract(first, second(reference, found, collar_s))).max()
        for collar_s, first in first_opinion(reference, found).items()
    )


def perturbed(reference, generator):
    """An answer such as systems give: edges off, turns lost, made up, of the wrong speaker."""
    speakers = dict.fromkeys(speaker for _, _, speaker in reference)
    names = {name: f"SPEAKER_{i:02d}" for i, name in enumerate(speakers)}
    turns = []
    for begin_s, end_s, speaker in reference:
        name = names[speaker]
        fate = generator.random()
        if fate < 0.1:
            continue
        if fate < 0.2:
            name = str(generator.choice([*names.values(), "SPEAKER_99"]))
        begin_s, end_s = np.round(np.add((begin_s, end_s), generator.normal(0, 0.2, 2)), 3)
        turns.append((max(0.0, begin_s), max(begin_s + 0.1, end_s), name))
    made_up_s = np.round(generator.uniform(0, max(turn[1] for turn in reference)), 3)
    return [*turns, (made_up_s, made_up_s + 1.5, "SPEAKER_00")]


def turns_in(path):
    """Turns of a reference: (begin s, end s, speaker)."""
    turns = turns_of(path.read_text().splitlines())
    return [(turn.start_ms / 1000, turn.end_ms / 1000, turn.speaker) for turn in turns]


def references_of_evaluation():
    folder = os.environ.get("DIARIZATION_EVAL_DIR")
    return sorted(Path(folder).glob("*/*.rttm")) if folder else []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("second", [second_opinion, untouched_opinion])
def test_on_cases_made_by_hand(case, second):
    assert disagreement(*CASES[case], second) <= AGREEMENT_POINTS


def test_md_eval_matches_speakers_before_the_collars_are_cut_out():
    short = [(begin, begin + 0.4) for begin in range(3, 9)]  # 2.4 s, all of it in collars
    reference = [(0, 2, "anna"), *((*turn, "anna") for turn in short)]
    found = [(0, 2, "x"), *((*turn, "y") for turn in short)]

    assert first_opinion(reference, found)[0.25] == (100, 0, 0, 100)
    assert second_opinion(reference, found, 0.25) == pytest.approx((100, 0, 0, 100))
    assert untouched_opinion(reference, found, 0.25) == pytest.approx((0, 0, 0, 0))


def test_confusion_equals_the_rate_by_hand():
    reference, found = CASES["one speaker for two"]

    assert second_opinion(reference, found, 0.0) == pytest.approx((800 / 27, 0, 0, 800 / 27))


def test_lost_speech_equals_the_rate_by_hand():
    reference, found = CASES["overlap missed"]  # 2 s, 2 s and 1 s, of 35 s of speech

    assert second_opinion(reference, found, 0.0)[1] == pytest.approx(100 * 5 / 35, abs=0.001)


@pytest.mark.parametrize("seed", range(6))
def test_on_the_sample_recording(seed):
    reference = turns_in(SAMPLE)

    found = perturbed(reference, np.random.default_rng(seed))

    assert disagreement(reference, found) <= AGREEMENT_POINTS


def test_on_real_references_where_there_are_any():
    files = references_of_evaluation()
    if not files:
        pytest.skip("DIARIZATION_EVAL_DIR names no folder of <set>/<id>.rttm")
    generator = np.random.default_rng(7)
    apart = {}
    for file in files:
        reference = turns_in(file)
        difference = disagreement(reference, perturbed(reference, generator))
        if difference > AGREEMENT_POINTS:
            apart[file.name] = difference
    assert apart == {}
