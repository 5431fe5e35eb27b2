"""Verdicts on planted outcomes: what is right passes, every way to be wrong has its sentence."""

import pytest

from measure.evaluation.rttm_turns import Turn
from measure.soaking.asking import Outcome
from measure.soaking.cases import ANSWERED, CASES, REFUSED
from measure.soaking.comparing import difference, not_same, not_similar, unanswered
from measure.soaking.verdicts import (
    NoTurns,
    Refused,
    RefusedByTriton,
    Same,
    Similar,
    Speakers,
    WhatIsThere,
)

PLAIN = [Turn(0.0, 2.0, "SPEAKER_00"), Turn(2.0, 4.0, "SPEAKER_01")]
REFUSAL = "AUDIO: got 7 bytes, expected a wav, flac, ogg or mp3 file"


def rttm(*turns, recording_id="recording"):
    return "".join(
        f"SPEAKER {recording_id} 1 {begin:.3f} {end - begin:.3f} <NA> <NA> {name} <NA> <NA>\n"
        for begin, end, name in turns
    )


def answer(*turns):
    return Outcome("recording", "OK", rttm(*turns), 0.5)


def refusal(text=REFUSAL, latency_s=0.1):
    return Outcome("recording", "INVALID_ARGUMENT", text, latency_s)


def moved(seconds):
    return [turn._replace(end_s=turn.end_s + seconds) for turn in PLAIN]


def test_boundaries_may_move_by_20_ms_and_no_more():
    assert Same().problem(answer(*moved(0.02)), PLAIN) is None
    assert "differ by 21 ms" in Same().problem(answer(*moved(0.021)), PLAIN)


@pytest.mark.parametrize(
    "turns",
    [
        [],
        PLAIN[:1],
        [PLAIN[0], PLAIN[1]._replace(speaker="SPEAKER_00")],
        [PLAIN[0]._replace(speaker="SPEAKER_01"), PLAIN[1]._replace(speaker="SPEAKER_00")],
    ],
)
def test_other_speakers_are_not_the_same(turns):
    assert "expected 0.00-2.00:00 2.00-4.00:01" in not_same(turns, PLAIN)


def test_similar_turns_have_as_many_speakers_who_talk_nearly_as_long():
    assert Similar().problem(answer(*moved(0.2)), PLAIN) is None
    assert not_similar(PLAIN[:1], PLAIN) == "got 1 speakers, expected 2"
    exchanged = [Turn(0.0, 1.0, "SPEAKER_00"), Turn(1.0, 4.0, "SPEAKER_01")]
    assert "40 % of the speech differ" in not_similar(exchanged, PLAIN)


def test_difference_is_the_share_of_speech_that_only_one_of_both_has():
    assert difference(PLAIN, PLAIN) == 0
    assert difference([], []) == 0
    assert difference(PLAIN[:1], PLAIN) == pytest.approx(0.5)
    assert difference(PLAIN[:1], PLAIN[1:]) == 1


@pytest.mark.parametrize(
    "text",
    [
        rttm(*PLAIN, recording_id="other"),
        rttm(*PLAIN).replace("SPEAKER_01", "speaker1"),
        rttm(*PLAIN).replace(" 1 ", " 2 "),
        rttm(*PLAIN).replace("2.000", "two"),
        rttm(*PLAIN).rstrip("\n"),
        "no rttm\n",
    ],
)
def test_an_rttm_that_does_not_read_back_is_no_answer(text):
    assert "RTTM" in unanswered(Outcome("recording", "OK", text, 0.1))


def test_a_speaker_named_by_channel_stands_on_that_channel():
    text = rttm((0, 1, "CH2_SPEAKER_00"))
    assert "RTTM does not read back" in unanswered(Outcome("recording", "OK", text, 0.1))
    on_its_channel = text.replace("recording 1 ", "recording 2 ")
    assert unanswered(Outcome("recording", "OK", on_its_channel, 0.1)) is None


def test_an_error_is_no_answer():
    for verdict in (Same(), Similar(), NoTurns(), Speakers(1, 2)):
        assert "got UNAVAILABLE: full" in verdict.problem(
            Outcome("recording", "UNAVAILABLE", "full", 0.1), PLAIN
        )


def test_silence_and_numbers_of_speakers():
    assert NoTurns().problem(answer(), PLAIN) is None
    assert NoTurns().problem(answer(*PLAIN), PLAIN) == "got 2 turns, expected none"
    assert Speakers(2, 2).problem(answer(*PLAIN), PLAIN) is None
    assert "got 2 speakers" in Speakers(3, 30).problem(answer(*PLAIN), PLAIN)


def test_a_damaged_file_gives_what_is_there_or_is_refused():
    assert WhatIsThere().problem(refusal(), PLAIN) is None
    assert WhatIsThere().problem(answer(PLAIN[0]), PLAIN) is None
    assert "got 9.0 s of speech" in WhatIsThere().problem(answer((0, 9, "SPEAKER_00")), PLAIN)
    assert WhatIsThere().problem(Outcome("recording", "INTERNAL", "oh", 0.1), PLAIN)


def test_a_refusal_says_what_got_expected_and_comes_in_time():
    verdict = Refused(("AUDIO", "got 7 bytes"), within_s=1.0)
    assert verdict.problem(refusal(), PLAIN) is None
    assert "lacks 'AUDIO'" in verdict.problem(refusal("got 7 bytes, expected more"), PLAIN)
    assert "lacks 'expected'" in verdict.problem(refusal("AUDIO: got 7 bytes"), PLAIN)
    assert "took 2.0 s" in verdict.problem(refusal(latency_s=2.0), PLAIN)
    assert "got 2 speaker(s)" in verdict.problem(answer(*PLAIN), PLAIN)


@pytest.mark.parametrize("inside", ["Traceback (most recent", 'File "a"', "/x/model_repo/run"])
def test_a_refusal_shows_nothing_of_the_server(inside):
    told = refusal(f"{REFUSAL} {inside}")
    assert "the server's inside" in RefusedByTriton().problem(told, PLAIN)
    assert RefusedByTriton().problem(refusal(), PLAIN) is None
    assert RefusedByTriton().problem(refusal(""), PLAIN) == "there is no text"


def test_every_case_has_a_name_of_its_own():
    names = [(case.kind, case.name) for case in CASES]
    assert len(set(names)) == len(names) == len(ANSWERED) + len(REFUSED)
    assert all(isinstance(case.expected, Refused | RefusedByTriton) for case in REFUSED)
