"""Expectations on planted outcomes: what is right passes, everything wrong has its sentence."""

from dataclasses import replace

import pytest

from diarization.turns import Turn as ServedTurn
from diarization.turns import format_rttm
from formats.result import Turn
from measure.soaking.cases import ANSWERED, CASES, REFUSED
from measure.soaking.judging import (
    NO_TURNS,
    PARTIAL,
    REFUSED_BY_TRITON,
    SAME,
    SIMILAR,
    difference,
    not_answered,
    not_same,
    not_similar,
    refused,
    speakers,
    unlike,
)
from measure.soaking.requests import Outcome

PLAIN = (Turn(0, 2000, "SPEAKER_00"), Turn(2000, 4000, "SPEAKER_01"))
REFUSAL = "AUDIO: got 7 bytes, expected a wav, flac, ogg or mp3 file"
UNAVAILABLE = Outcome("recording", "UNAVAILABLE", "full", 0.1)


def rttm(*turns, recording_id="recording"):
    """RTTM as the service writes it."""
    return format_rttm(
        (
            ServedTurn(turn.start_ms / 1000, turn.end_ms / 1000, 0, name=turn.speaker)
            for turn in turns
        ),
        recording_id,
    )


def answer(*turns):
    return Outcome("recording", "OK", rttm(*turns), 0.5)


def refusal(text=REFUSAL, latency_s=0.1):
    return Outcome("recording", "INVALID_ARGUMENT", text, latency_s)


def moved(by_ms):
    return [replace(turn, end_ms=turn.end_ms + by_ms) for turn in PLAIN]


def test_boundaries_may_move_by_20_ms_and_no_more():
    assert SAME.problem(answer(*moved(20)), PLAIN) is None
    assert "differ by 21 ms" in SAME.problem(answer(*moved(21)), PLAIN)


@pytest.mark.parametrize(
    "turns",
    [
        [],
        PLAIN[:1],
        [PLAIN[0], replace(PLAIN[1], speaker="SPEAKER_00")],
        [replace(PLAIN[0], speaker="SPEAKER_01"), replace(PLAIN[1], speaker="SPEAKER_00")],
    ],
)
def test_other_speakers_are_not_the_same(turns):
    assert "expected 0.00-2.00:00 2.00-4.00:01" in not_same(turns, PLAIN)


def test_similar_turns_have_the_same_speakers_for_nearly_as_long():
    assert SIMILAR.problem(answer(*moved(200)), PLAIN) is None
    assert not_similar(PLAIN[:1], PLAIN) == "got 1 speakers, expected 2"
    exchanged = [Turn(0, 1000, "SPEAKER_00"), Turn(1000, 4000, "SPEAKER_01")]
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
    outcome = Outcome("recording", "OK", text, 0.1)

    assert "RTTM" in not_answered(outcome)
    assert unlike(outcome, answer(*PLAIN))


def test_a_speaker_named_by_channel_is_on_that_channel():
    text = rttm(Turn(0, 1000, "CH2_SPEAKER_00"))

    assert "RTTM does not read back" in not_answered(Outcome("recording", "OK", text, 0.1))
    on_its_channel = text.replace("recording 1 ", "recording 2 ")
    assert not_answered(Outcome("recording", "OK", on_its_channel, 0.1)) is None


@pytest.mark.parametrize("expected", [SAME, SIMILAR, NO_TURNS, PARTIAL, speakers(1, 2)])
def test_an_error_is_no_answer(expected):
    assert "got UNAVAILABLE: full" in expected.problem(UNAVAILABLE, PLAIN)


def test_silence_and_numbers_of_speakers():
    assert NO_TURNS.problem(answer(), PLAIN) is None
    assert NO_TURNS.problem(answer(*PLAIN), PLAIN) == "got 2 turns, expected none"
    assert speakers(2, 2).problem(answer(*PLAIN), PLAIN) is None
    assert "got 2 speakers" in speakers(3, 30).problem(answer(*PLAIN), PLAIN)


def test_a_damaged_file_is_answered_in_part_or_refused():
    assert PARTIAL.problem(refusal(), PLAIN) is None
    assert PARTIAL.problem(answer(PLAIN[0]), PLAIN) is None
    longer = answer(Turn(0, 9000, "SPEAKER_00"))
    assert "got 9.0 s of speech" in PARTIAL.problem(longer, PLAIN)


def test_a_refusal_names_its_reason_and_comes_in_time():
    expected = refused("AUDIO", "got 7 bytes", within_s=1.0)

    assert expected.problem(refusal(), PLAIN) is None
    assert "lacks 'AUDIO'" in expected.problem(refusal("got 7 bytes, expected more"), PLAIN)
    assert "lacks 'expected'" in expected.problem(refusal("AUDIO: got 7 bytes"), PLAIN)
    assert "took 2.0 s" in expected.problem(refusal(latency_s=2.0), PLAIN)
    assert "got 2 speaker(s)" in expected.problem(answer(*PLAIN), PLAIN)


@pytest.mark.parametrize("inside", ["Traceback (most recent", 'File "a"', "/x/model_repo/run"])
def test_a_refusal_shows_no_internals_of_the_server(inside):
    shown = refusal(f"{REFUSAL} {inside}")

    assert "the server's internals" in REFUSED_BY_TRITON.problem(shown, PLAIN)
    assert REFUSED_BY_TRITON.problem(refusal(), PLAIN) is None
    assert REFUSED_BY_TRITON.problem(refusal(""), PLAIN) == "there is no text"


@pytest.mark.parametrize(
    ("outcome", "baseline"),
    [
        (refusal(), answer(*PLAIN)),
        (answer(*PLAIN), refusal()),
        (refusal("other words"), refusal()),
        (answer(*moved(30)), answer(*PLAIN)),
        (UNAVAILABLE, answer(*PLAIN)),
    ],
)
def test_another_outcome_than_alone_is_wrong(outcome, baseline):
    assert unlike(outcome, baseline)
    assert unlike(baseline, baseline) is None


def test_every_case_has_a_name_of_its_own():
    names = [(case.kind, case.name) for case in CASES]

    assert len(set(names)) == len(names) == len(ANSWERED) + len(REFUSED) == 108
    assert all(case.expected.text.startswith("refused") for case in REFUSED)
