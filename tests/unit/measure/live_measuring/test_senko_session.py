"""What is reported about updates that name the speakers anew; updates are planted."""

import pytest

from measure.live_measuring.senko_session import LiveReport, matched, rttm_line, segments_of
from measure.live_measuring.turns import first_reported, relabelled

LAST = 20


def report(*updates, latency_s="1"):
    """Events; the updates come a second apart, the last one until the end."""
    live = LiveReport(latency_s)
    updates = [*updates, *[updates[-1]] * (LAST - len(updates))]
    return [
        event
        for heard_s, segments in enumerate(updates, start=1)
        for event in live.events(segments, float(heard_s), heard_s == LAST)
    ]


def seconds(turns):
    return [(turn.start_ms / 1000, turn.end_ms / 1000, turn.speaker[-2:]) for turn in turns]


def relabels(events):
    return [
        (each["from"][-2:], each["to"][-2:], each["until_s"])
        for each in events
        if each["type"] == "relabel"
    ]


def test_a_moment_is_reported_by_the_first_update_that_ends_late_enough_and_corrected_by_others():
    events = report([(0.5, 1.0, "a")], [(0.25, 2.0, "a")], [(0.75, 2.5, "a")])

    # 0 to 1 s by the second update.
    assert seconds(first_reported(events)) == [(0.25, 2.5, "00")]
    assert seconds(relabelled(events)) == [(0.75, 2.5, "00")]


@pytest.mark.parametrize("latency_s", ["1", "2", "5"])
def test_turns_do_not_change_once_they_are_five_seconds_old(latency_s):
    early, late = [(0.0, 4.0, "a")], [(0.0, 1.0, "a"), (3.0, 4.0, "a")]

    events = report(*[early] * 7, late, latency_s=latency_s)

    # The update after 7 s makes the first 2 s final.
    assert seconds(relabelled(events)) == [(0.0, 2.0, "00"), (3.0, 4.0, "00")]
    progress = [each for each in events if each["type"] == "progress"]
    assert [each["final_s"] for each in progress[4:8]] == [0.0, 1.0, 2.0, 3.0]
    assert [each["reported_s"] for each in progress[6:8]] == [
        7 - int(latency_s),
        8 - int(latency_s),
    ]
    assert progress[-1]["final_s"] == progress[-1]["reported_s"] == LAST
    assert {each["latency_s"] for each in events} == {latency_s}


def test_speakers_keep_their_names_when_an_update_swaps_its_labels():
    events = report(
        [(0.0, 1.0, "a")],
        [(0.0, 1.0, "a"), (1.0, 2.0, "b")],
        [(0.0, 1.0, "b"), (1.0, 3.0, "a")],
        [(0.0, 1.0, "b"), (1.0, 4.0, "a")],
    )

    expected = [(0.0, 1.0, "00"), (1.0, 4.0, "01")]
    assert seconds(first_reported(events)) == seconds(relabelled(events)) == expected
    assert relabels(events) == []


def test_a_speaker_that_became_part_of_another_is_relabelled_and_back_when_they_part_again():
    two, one = [(0.0, 2.0, "a"), (2.0, 3.0, "b")], [(0.0, 3.0, "a")]

    merged = report(*[two] * 8, one)
    parted = report(*[two] * 8, one, one, two)

    assert relabels(merged) == [("01", "00", 3.0)]
    assert seconds(relabelled(merged)) == [(0.0, 3.0, "00")]
    assert relabels(parted) == [("01", "00", 3.0), ("00", "01", 5.0)]
    expected = [(0.0, 2.0, "00"), (2.0, 3.0, "01")]
    assert seconds(relabelled(parted)) == seconds(first_reported(merged)) == expected


def test_a_speaker_that_is_split_keeps_its_name_where_most_of_it_is():
    names, names_now = matched([(0.0, 1.0, "a"), (1.0, 3.0, "b")], [(0.0, 3.0, "x")])

    assert names == {"b": "x"}
    assert names_now == {"x": "x"}


def test_the_pair_with_most_in_common_is_matched_first():
    names, names_now = matched(
        [(0.0, 4.0, "a"), (4.0, 5.0, "b")], [(0.0, 3.0, "x"), (3.0, 4.5, "y"), (4.5, 5.0, "z")]
    )

    assert names["a"] == "x"
    assert names_now["x"] == "x"


def test_speech_without_anything_in_common_with_earlier_turns_has_a_new_name():
    events = report([(0.0, 1.0, "a")], [(0.0, 1.0, "a")], [], [], [], [(3.0, 4.0, "a")])

    assert seconds(first_reported(events)) == [(0.0, 1.0, "00")]
    assert seconds(relabelled(events)) == [(3.0, 4.0, "01")]
    assert relabels(events) == []


def test_an_update_of_senko_is_segments_or_nothing():
    found = {"raw_segments": [{"speaker": "SPEAKER_01", "start": 0.5, "end": 2.0}]}

    assert segments_of(found) == [(0.5, 2.0, "SPEAKER_01")]
    assert segments_of(None) == []
    assert rttm_line("talk", *segments_of(found)[0]) == (
        "SPEAKER talk 1 0.500 1.500 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )
