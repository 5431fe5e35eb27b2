"""Turns as they are reported, continued, ended and relabeled, and voices as they are heard."""

import numpy as np

from diarization.full.activity import Stretch
from diarization.live.events import SAME_VOICE, SURE_WINDOWS, LiveTurns, LiveVoices
from diarization.live.speakers import Change, Voice

S = 16_000


def stretch(speaker, begin_s, end_s, confidence=1.0):
    return Stretch(round(begin_s * S), round(end_s * S), speaker, confidence)


def change(*windows):
    """(middle s, before, after) of windows."""
    middles, before, after = zip(*windows, strict=True)
    return Change(np.array(middles) * S, np.array(before), np.array(after))


def shown(event):
    """What matters of an event, on one line."""
    if event["type"] == "turn":
        times = f"{event['start_s']:g}-{event['end_s']:g}"
        return f"{event['state']} {event['id']}.{event['rev']} {event['speaker'][-1]} {times}"
    which = event.get("turns", "all")
    return f"{event['from'][-1]}>{event['to'][-1]} until {event['until_s']:g}: {which}"


def advance(turns, final_s, *stretches, until_s=None):
    """Decide up to `final_s` for good, up to `until_s`, by default no more, for now."""
    until_s = final_s if until_s is None else until_s
    return turns.advance(stretches, round(final_s * S), round(until_s * S))


def reported(turns, final_s, *stretches, until_s=None):
    return [shown(event) for event in advance(turns, final_s, *stretches, until_s=until_s)]


def test_a_turn_grows_until_it_ends():
    turns = LiveTurns()

    assert reported(turns, 1.0, stretch(0, 0.5, 3.0)) == ["partial 0.0 0 0.5-1"]
    assert reported(turns, 2.0, stretch(0, 0.5, 3.0)) == ["partial 0.1 0 0.5-2"]
    assert reported(turns, 4.0, stretch(0, 0.5, 3.0)) == ["final 0.2 0 0.5-3"]
    assert reported(turns, 5.0) == []


def test_what_was_decided_does_not_change():
    turns = LiveTurns()
    reported(turns, 2.0, stretch(0, 0.5, 3.0))

    assert reported(turns, 3.0, stretch(1, 0.0, 4.0)) == ["final 0.1 0 0.5-2", "partial 1.0 1 2-3"]


def test_what_was_not_decided_for_good_may_change():
    turns = LiveTurns()
    reported(turns, 1.0, stretch(0, 0.5, 3.0), until_s=2.0)
    changed = [stretch(0, 0.2, 1.4), stretch(1, 1.4, 4.0)]

    assert reported(turns, 1.2, *changed, until_s=3.0) == [
        "partial 0.1 0 0.5-1.4",
        "partial 1.0 1 1.4-3",
    ]
    assert reported(turns, 1.6, *changed, until_s=3.0) == ["final 0.2 0 0.5-1.4"]


def test_a_turn_that_begins_elsewhere_keeps_its_number():
    turns = LiveTurns()
    reported(turns, 0.0, stretch(0, 0.5, 3.0), until_s=2.0)

    assert reported(turns, 0.2, stretch(0, 0.8, 3.0), until_s=2.2) == ["partial 0.1 0 0.8-2.2"]


def test_a_turn_that_turns_out_to_be_none_ends_without_length():
    turns = LiveTurns()
    reported(turns, 0.0, stretch(0, 0.5, 1.0), until_s=2.0)

    assert reported(turns, 0.2, stretch(1, 0.5, 1.0), until_s=2.0) == [
        "final 0.1 0 0.5-0.5",
        "partial 1.0 1 0.5-1",
    ]
    assert turns.speakers() == {1}


def test_turns_that_stay_as_they_are_are_not_reported_again():
    turns = LiveTurns()
    reported(turns, 0.2, stretch(0, 0.5, 1.0), until_s=2.0)

    assert reported(turns, 0.4, stretch(0, 0.5, 1.0), until_s=2.2) == []
    assert reported(turns, 1.2, stretch(0, 0.5, 1.0), until_s=3.0) == ["final 0.1 0 0.5-1"]


def test_the_rest_of_a_stretch_that_was_silence_is_no_turn():
    turns = LiveTurns()
    reported(turns, 2.0)

    assert reported(turns, 3.0, stretch(0, 1.5, 2.1), stretch(1, 1.5, 2.4)) == ["final 0.0 1 2-2.4"]


def test_overlapping_speakers_have_turns_of_their_own():
    turns = LiveTurns()

    assert reported(turns, 2.0, stretch(1, 0.5, 3), stretch(0, 1, 1.5)) == [
        "final 1.0 0 1-1.5",
        "partial 0.0 1 0.5-2",
    ]


def test_open_turns_are_final_at_the_end():
    turns = LiveTurns()
    reported(turns, 2.0, stretch(1, 0.5, 3), stretch(0, 1, 3))

    assert [shown(event) for event in turns.end()] == ["final 0.1 1 0.5-2", "final 1.1 0 1-2"]
    assert turns.end() == []


def test_the_confidence_is_the_mean_over_time():
    turns = LiveTurns()
    advance(turns, 3, stretch(0, 0, 5, 1.0))
    (event,) = advance(turns, 4, stretch(0, 0, 5, 0.6))

    assert event["confidence"] == 0.9


def three_turns():
    turns = LiveTurns()
    advance(turns, 9, stretch(0, 0, 2), stretch(1, 3, 5), stretch(0, 6, 8))
    return turns


def test_a_speaker_who_turns_out_to_be_another_is_relabeled_as_a_whole():
    turns = three_turns()
    events = turns.relabel(change(*[(middle, 1, 0) for middle in (3.5, 4, 4.5)]), S // 2)

    assert [shown(event) for event in events] == ["1>0 until 9: all"]
    assert turns.speakers() == {0}


def test_turns_of_a_speaker_who_turns_out_to_be_two_are_named():
    turns = three_turns()
    events = turns.relabel(change(*[(middle, 0, 2) for middle in (6.5, 7, 7.5)]), S // 2)

    assert [shown(event) for event in events] == ["0>2 until 9: [2]"]
    assert turns.speakers() == {0, 1, 2}


def test_a_few_windows_of_a_long_turn_change_nothing():
    turns = LiveTurns()
    advance(turns, 9, stretch(0, 0, 8))

    assert turns.relabel(change((3.5, 0, 1), (4, 0, 1)), S // 2) == []
    assert turns.speakers() == {0}


def test_speakers_who_swap_are_relabeled_turn_by_turn():
    turns = three_turns()
    swapped = change((1, 0, 1), (1.5, 0, 1), (4, 1, 0), (4.5, 1, 0), (7, 0, 1), (7.5, 0, 1))
    events = turns.relabel(swapped, S)

    assert sorted(shown(event) for event in events) == [
        "0>1 until 9: [0, 2]",
        "1>0 until 9: [1]",
    ]


def test_a_turn_that_may_still_change_needs_no_relabel():
    turns = LiveTurns()
    reported(turns, 1, stretch(0, 0, 4), stretch(1, 2, 4), until_s=3)
    assert turns.relabel(change((2.5, 1, 2), (3, 1, 2)), S // 2) == []

    assert reported(turns, 2, stretch(0, 0, 4), stretch(2, 2, 4), until_s=4) == [
        "partial 0.1 0 0-4",
        "partial 1.1 2 2-4",
    ]


def test_of_two_open_turns_that_become_one_speakers_one_ends():
    turns = LiveTurns()
    advance(turns, 3, stretch(0, 0, 4), stretch(1, 1, 4))
    events = turns.relabel(change((1.5, 1, 0), (2, 1, 0), (2.5, 1, 0)), S)

    assert [shown(event) for event in events] == ["1>0 until 3: all"]
    assert reported(turns, 4, stretch(0, 0, 5)) == ["final 0.1 0 0-3", "partial 1.1 0 1-4"]


X, Y = np.eye(2, dtype=np.float32)


def rotated(cosine):
    """A voice with this cosine to X."""
    return np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)


def news(voices, heard, in_use):
    """Speaker and embedding of each event; `heard` is (centroid, windows) by number."""
    events = voices.advance({number: Voice(*each) for number, each in heard.items()}, in_use)
    assert {(each["type"], each["network"]) for each in events} <= {("voice", "campplus")}
    return [(event["speaker"], event["embedding"]) for event in events]


def test_a_voice_is_reported_once_it_is_sure_and_has_a_turn():
    voices = LiveVoices("campplus")

    assert news(voices, {0: (X, SURE_WINDOWS - 1), 1: (Y, SURE_WINDOWS)}, {0}) == []
    assert news(voices, {0: (X, SURE_WINDOWS), 1: (Y, SURE_WINDOWS)}, {0, 1}) == [
        ("SPEAKER_00", [1.0, 0.0]),
        ("SPEAKER_01", [0.0, 1.0]),
    ]


def test_a_voice_is_reported_again_when_it_has_changed():
    voices = LiveVoices("campplus")
    news(voices, {0: (X, 9)}, {0})
    same, other = rotated(SAME_VOICE + 0.01), rotated(SAME_VOICE - 0.01)

    assert news(voices, {0: (same, 99)}, {0}) == []
    ((speaker, embedding),) = news(voices, {0: (other, 99)}, {0})
    assert speaker == "SPEAKER_00"
    assert np.allclose(embedding, other, atol=1e-5)
    assert news(voices, {0: (same, 99)}, {0}) == []


def test_a_voice_that_is_no_speakers_any_more_is_withdrawn_once():
    voices = LiveVoices("campplus")
    news(voices, {0: (X, 9), 1: (Y, 9)}, {0, 1})

    assert news(voices, {0: (X, 18)}, {0, 1}) == []
    assert news(voices, {0: (X, 18)}, {0}) == [("SPEAKER_01", None)]
    assert news(voices, {0: (X, 18)}, {0}) == []
    assert news(voices, {0: (X, 18), 1: (Y, 9)}, {0, 1}) == [("SPEAKER_01", [0.0, 1.0])]
