"""What the events of a session say about its turns."""

from formats.result import Turn
from measure.live_measuring.turns import first_reported, n_relabels, relabelled


def turn(number, speaker, start_s, end_s):
    return {"type": "turn", "id": number, "speaker": speaker, "start_s": start_s, "end_s": end_s}


def relabel(before, after, until_s=9.0, **turns):
    return {"type": "relabel", "from": before, "to": after, "until_s": until_s, **turns}


def progress(reported_s):
    return {"type": "progress", "reported_s": reported_s}


def test_a_turn_that_grows_is_one_turn():
    events = [turn(0, "A", 1.0, 2.0), progress(2.0), turn(0, "A", 1.0, 2.5), progress(3.0)]

    assert first_reported(events) == relabelled(events) == [Turn(1000, 2500, "A")]


def test_what_was_reported_first_is_what_counts_as_first():
    events = [
        turn(0, "A", 0.5, 2.0), progress(2.0), turn(0, "A", 1.0, 1.5), turn(1, "B", 1.5, 3.0),
        progress(3.0), relabel("A", "C"),
    ]  # fmt: skip

    assert first_reported(events) == [Turn(500, 2000, "A"), Turn(2000, 3000, "B")]
    assert relabelled(events) == [Turn(1000, 1500, "C"), Turn(1500, 3000, "B")]


def test_a_turn_that_turned_out_to_be_none_is_none():
    assert relabelled([turn(0, "A", 1.0, 2.0), turn(0, "A", 1.0, 1.0)]) == []


def test_a_relabel_moves_every_turn_of_its_speaker_reported_so_far():
    events = [
        turn(0, "A", 0.0, 1.0), turn(1, "B", 1.0, 2.0), turn(2, "A", 3.0, 4.0), relabel("A", "C"),
        turn(3, "A", 5.0, 6.0),
    ]  # fmt: skip

    assert relabelled(events) == [
        Turn(0, 1000, "C"), Turn(1000, 2000, "B"), Turn(3000, 4000, "C"), Turn(5000, 6000, "A"),
    ]  # fmt: skip


def test_a_relabel_that_names_turns_moves_only_those_of_its_speaker():
    events = [
        turn(0, "A", 0.0, 1.0), turn(1, "B", 1.0, 2.0), turn(2, "A", 3.0, 4.0),
        relabel("A", "C", turns=[1, 2]),
    ]  # fmt: skip

    assert [each.speaker for each in relabelled(events)] == ["A", "B", "C"]


def test_relabels_follow_each_other():
    events = [turn(0, "A", 0.0, 1.0), relabel("A", "B"), relabel("B", "C"), relabel("A", "D")]

    assert relabelled(events) == [Turn(0, 1000, "C")]


def test_turns_that_come_to_overlap_as_one_speakers_count_once():
    events = [turn(0, "A", 0.0, 2.0), turn(1, "B", 1.0, 3.0), relabel("B", "A")]

    assert relabelled(events) == [Turn(0, 3000, "A")]


def test_other_events_are_no_turns():
    events = [progress(0.5), {"type": "result", "rttm": ""}]

    assert first_reported(events) == relabelled(events) == []


def test_relabels_are_counted_from_a_time_on():
    events = [relabel("A", "B", 59.0), relabel("A", "B", 60.0), relabel("A", "B", 60.5)]

    assert n_relabels(events, 60.0) == 1
