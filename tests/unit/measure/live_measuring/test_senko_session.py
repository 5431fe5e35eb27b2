"""What is reported about updates that name the speakers anew; updates are planted."""

import pytest

from measure.live_measuring.senko_session import LiveReport, matched, rttm_line, segments_of


def report(*updates, latency_s="1"):
    """Events but progress; the updates come a second apart."""
    live = LiveReport(latency_s)
    return [
        event
        for heard_s, segments in enumerate(updates, start=1)
        for event in live.events(segments, float(heard_s), heard_s == len(updates))
        if event["type"] != "progress"
    ]


def turns(events):
    return [
        (each["start_s"], each["end_s"], each["speaker"])
        for each in events
        if each["type"] == "turn"
    ]


def relabels(events):
    return [
        (each["from"], each["to"], each["until_s"], each["turns"])
        for each in events
        if each["type"] == "relabel"
    ]


def test_a_stretch_is_reported_once_as_the_first_update_sees_it_that_ends_late_enough():
    events = report([(0.5, 1.0, "a")], [(0.25, 2.0, "a")], [(0.75, 2.5, "a")])

    # 0 to 1 s by the second update, the rest by the last one.
    assert turns(events) == [(0.25, 1.0, "SPEAKER_00"), (1.0, 2.5, "SPEAKER_00")]
    assert [each["id"] for each in events] == [0, 1]


@pytest.mark.parametrize(("latency_s", "n_finals"), [("1", 2), ("2", 1), ("5", 0)])
def test_progress_lags_by_the_latency_until_the_end(latency_s, n_finals):
    live = LiveReport(latency_s)

    found = [live.events([], heard_s, heard_s == 4)[0] for heard_s in (2.0, 3.0, 4.0)]

    assert [each["latency_s"] for each in found] == [latency_s] * 3
    assert sum(each["final_s"] > 0 for each in found[:2]) == n_finals
    assert found[-1]["final_s"] == 4.0


def test_speakers_keep_their_names_when_an_update_swaps_its_labels():
    events = report(
        [(0.0, 1.0, "a")],
        [(0.0, 1.0, "a"), (1.0, 2.0, "b")],
        [(0.0, 1.0, "b"), (1.0, 3.0, "a")],
        [(0.0, 1.0, "b"), (1.0, 4.0, "a")],
    )

    assert turns(events) == [
        (0.0, 1.0, "SPEAKER_00"), (1.0, 2.0, "SPEAKER_01"), (2.0, 4.0, "SPEAKER_01"),
    ]  # fmt: skip
    assert relabels(events) == []


def test_a_speaker_that_became_part_of_another_is_relabelled_and_back_when_they_part_again():
    two = [(0.0, 2.0, "a"), (2.0, 3.0, "b")]
    one = [(0.0, 3.0, "a")]

    events = report(two, two, two, two, one, one, two)

    assert turns(events) == [
        (0.0, 1.0, "SPEAKER_00"), (1.0, 2.0, "SPEAKER_00"), (2.0, 3.0, "SPEAKER_01"),
    ]  # fmt: skip
    assert relabels(events) == [
        ("SPEAKER_01", "SPEAKER_00", 3.0, [2]), ("SPEAKER_00", "SPEAKER_01", 5.0, [2]),
    ]  # fmt: skip


def test_a_speaker_that_is_split_keeps_its_name_where_most_of_it_is():
    names, names_now = matched([(0.0, 1.0, "a"), (1.0, 3.0, "b")], [(0.0, 3.0, "SPEAKER_00")])

    assert names == {"b": "SPEAKER_00"}
    assert names_now == {"SPEAKER_00": "SPEAKER_00"}


def test_the_pair_with_most_in_common_is_matched_first():
    names, names_now = matched(
        [(0.0, 4.0, "a"), (4.0, 5.0, "b")], [(0.0, 3.0, "x"), (3.0, 4.5, "y"), (4.5, 5.0, "z")]
    )

    assert names == {"a": "x", "b": "y"}
    assert names_now == {"x": "x", "y": "y", "z": "y"}


def test_a_name_without_speech_in_an_update_stays():
    events = report([(0.0, 1.0, "a")], [(0.0, 1.0, "a")], [], [(3.0, 4.0, "a")])

    assert turns(events) == [(0.0, 1.0, "SPEAKER_00"), (3.0, 4.0, "SPEAKER_01")]
    assert relabels(events) == []


def test_an_update_of_senko_is_segments_or_nothing():
    found = {"raw_segments": [{"speaker": "SPEAKER_01", "start": 0.5, "end": 2.0}]}

    assert segments_of(found) == [(0.5, 2.0, "SPEAKER_01")]
    assert segments_of(None) == []
    assert rttm_line("talk", *segments_of(found)[0]) == (
        "SPEAKER talk 1 0.500 1.500 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )
