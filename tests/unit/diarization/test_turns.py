"""Turns of labelled windows, and their RTTM."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.options import Options
from diarization.request import parse_request
from diarization.turns import (
    NO_SPEECH,
    Diarization,
    Turn,
    diarization_of,
    format_rttm,
    share_overlaps,
    turn_rows,
    turns_of,
)
from unit.seeded import seeded

SECOND = 16_000


def turns(windows_s, labels, confidences=None):
    windows = np.array(windows_s, np.float64).reshape(-1, 2) * SECOND
    confidences = np.ones(len(labels)) if confidences is None else np.array(confidences)
    return turns_of(windows.astype(np.int64), np.array(labels, np.int64), confidences)


def numbered(labels, centroids, n_windows=9):
    """Diarization of turns of a second each, with the speakers' centroids."""
    turns = [Turn(float(at), at + 1.0, label, at / 10) for at, label in enumerate(labels)]
    return diarization_of(turns, np.array(centroids, np.float32), n_windows, 0.0)


def test_no_window_gives_no_turn():
    assert turns([], []) == []


def test_one_window_is_one_turn():
    assert turns([[1, 2.5]], [7], [0.4]) == [Turn(1.0, 2.5, 7, 0.4)]


def test_windows_of_one_speaker_that_overlap_or_touch_are_one_turn():
    assert turns([[0, 1.5], [0.75, 2.25], [2.25, 3]], [4, 4, 4]) == [Turn(0.0, 3.0, 4)]


def test_two_speakers_share_the_overlap_in_its_middle():
    # 0.75 ... 1.5 is in both windows; its middle is 1.125
    assert turns([[0, 1.5], [0.75, 2.25]], [1, 0]) == [Turn(0.0, 1.125, 1), Turn(1.125, 2.25, 0)]


def test_a_pause_ends_the_turn_of_a_speaker():
    assert turns([[0, 1], [1.5, 2]], [3, 3]) == [Turn(0.0, 1.0, 3), Turn(1.5, 2.0, 3)]


def test_a_speaker_who_comes_back_keeps_the_label():
    windows = [[0, 2], [1, 3], [2, 4], [3, 5]]

    assert turns(windows, [9, 2, 2, 9]) == [
        Turn(0.0, 1.5, 9),
        Turn(1.5, 3.5, 2),
        Turn(3.5, 5.0, 9),
    ]


def test_confidence_of_a_turn_is_the_mean_of_its_windows():
    windows = [[0, 2], [1, 3], [2, 4], [3, 5], [6, 8]]
    found = turns(windows, [9, 9, 9, 2, 2], [0.5, 0.6, 1.0, 0.3, 0.8])

    # the last two windows are of one speaker, but apart
    assert [turn.confidence for turn in found] == pytest.approx([0.7, 0.3, 0.8])


def test_turns_hold_plain_numbers():
    (turn,) = turns([[0, 2], [1, 3]], [4, 4], [0.5, 0.75])
    values = turn.start_s, turn.end_s, turn.label, turn.confidence

    assert [type(value) for value in values] == [float, float, int, float]


def test_confidence_is_1_by_default():
    assert Turn(0.0, 1.0, 0).confidence == 1.0


def test_speakers_are_numbered_by_first_appearance():
    found = numbered([5, 5, 2, 4, 2, 5, 0], np.eye(6))

    assert [turn.label for turn in found.turns] == [0, 0, 1, 2, 1, 0, 3]
    assert found.embeddings.tolist() == np.eye(6)[[5, 2, 4, 0]].tolist(), "in the same order"
    assert found.n_speakers == 4


def test_renumbering_changes_only_labels():
    found = numbered([1, 0], np.eye(2), n_windows=7)

    assert found.turns == [Turn(0.0, 1.0, 0, 0.0), Turn(1.0, 2.0, 1, 0.1)]
    assert found.n_windows == 7


def test_speakers_without_a_turn_are_left_out():
    found = numbered([2, 2], [[1, 0], [0, 1], [0.6, 0.8]])

    assert found.embeddings == pytest.approx(np.array([[0.6, 0.8]]))
    assert numbered([], np.eye(3)).n_speakers == 0
    assert numbered([], np.eye(3)).embeddings.shape == (0, 3)


def test_no_speech_has_no_turns_and_no_speakers():
    assert (NO_SPEECH.turns, NO_SPEECH.n_speakers, NO_SPEECH.n_windows) == ([], 0, 0)
    assert NO_SPEECH.embeddings.shape == (0, 0)
    assert NO_SPEECH.embeddings.dtype == np.float32


def test_comparison_ignores_embeddings():
    turns = [Turn(0.0, 1.0, 0)]

    assert Diarization(turns, np.eye(1), 3) == Diarization(turns, -np.eye(1), 3)
    assert Diarization(turns, np.eye(1), 3) != Diarization(turns, np.eye(1), 4)
    assert Diarization(turns, np.eye(1), 3) != Diarization([Turn(0.0, 1.0, 0, 0.9)], np.eye(1), 3)


def test_only_neighbours_that_overlap_are_cut():
    begins, ends = share_overlaps(np.array([[0, 100], [50, 150], [150, 200], [300, 400]]))

    assert begins.tolist() == [0, 75, 150, 300]
    assert ends.tolist() == [75, 150, 200, 400]


def test_an_odd_overlap_is_cut_between_two_samples():
    begins, ends = share_overlaps(np.array([[0, 101], [100, 200]]))

    assert begins.tolist() == [0, 100.5]
    assert ends.tolist() == [100.5, 200]


def test_rows_are_begin_end_and_label():
    rows = turn_rows([Turn(0.0, 1.125, 0), Turn(1.125, 2.25, 1)])

    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 1.125, 0], [1.125, 2.25, 1]]


def test_no_turns_give_no_rows_of_three_columns():
    assert turn_rows([]).shape == (0, 3)


@st.composite
def labelled_windows(draw):
    """Windows sorted by begin and by end, some overlapping, some apart, and their labels."""
    n = draw(st.integers(1, 30))
    begin_steps = draw(st.lists(st.integers(1, 20_000), min_size=n, max_size=n))
    begins = np.cumsum(begin_steps)
    lengths = np.array(draw(st.lists(st.integers(400, 24_000), min_size=n, max_size=n)))
    ends = np.maximum.accumulate(begins + lengths) + np.arange(n)
    labels = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    confidences = np.random.default_rng(n).random(n)
    return np.stack([begins, ends], axis=1), np.array(labels), confidences


@seeded()
@given(labelled_windows())
def test_turns_are_sorted_and_disjoint_and_cover_the_windows(labelled):
    windows, *_ = labelled
    found = turns_of(*labelled)

    times = np.array([[turn.start_s, turn.end_s] for turn in found]) * SECOND
    assert (np.diff(times, axis=1) > 0).all()
    assert (times[1:, 0] >= times[:-1, 1]).all()
    covered = np.zeros(windows.max(), bool)
    for begin, end in windows:
        covered[begin:end] = True
    assert np.diff(times, axis=1).sum() == pytest.approx(covered.sum())


@seeded()
@given(labelled_windows())
def test_every_label_keeps_a_turn_inside_its_windows(labelled):
    windows, labels, confidences = labelled
    found = turns_of(*labelled)

    assert {turn.label for turn in found} == set(labels.tolist())
    for turn in found:
        own = windows[labels == turn.label]
        assert confidences.min() - 1e-9 <= turn.confidence <= confidences.max() + 1e-9
        begin, end = round(turn.start_s * SECOND, 3), round(turn.end_s * SECOND, 3)
        assert ((own[:, 0] <= begin) & (begin < own[:, 1])).any()
        assert ((own[:, 0] < end) & (end <= own[:, 1])).any()


@seeded(20)
@given(labelled_windows(), st.permutations(range(5)))
def test_turns_do_not_depend_on_the_numbers_of_the_clusters(labelled, numbers):
    windows, labels, confidences = labelled
    found, renumbered = (
        diarization_of(turns_of(windows, each, confidences), np.eye(5, dtype=np.float32), 9, 0.0)
        for each in (labels, np.array(numbers)[labels])
    )

    assert renumbered == found
    first_seen = list(dict.fromkeys(turn.label for turn in found.turns))
    assert first_seen == list(range(found.n_speakers))


def read_rttm(text):
    """(recording id, start in ms, end in ms, speaker) of every line, read as NIST's plan says."""
    rows = []
    for line in text.splitlines():
        kind, recording_id, channel, start, duration, *rest, speaker, _, _ = line.split()
        assert (kind, channel, rest) == ("SPEAKER", "1", ["<NA>", "<NA>"])
        start_ms, duration_ms = (round(float(field) * 1000) for field in (start, duration))
        rows.append((recording_id, start_ms, start_ms + duration_ms, speaker))
    return rows


def test_a_turn_is_a_line_of_ten_fields():
    text = format_rttm([Turn(0.5, 2.25, 0), Turn(2.25, 3661.0, 11)], "call_7")

    assert text == (
        "SPEAKER call_7 1 0.500 1.750 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER call_7 1 2.250 3658.750 <NA> <NA> SPEAKER_11 <NA> <NA>\n"
    )


def test_no_turns_give_empty_text():
    assert format_rttm([], "x") == ""


def test_neighbours_that_touch_still_touch_when_rounded():
    edge = 1.0005
    rows = read_rttm(format_rttm([Turn(0.0003, edge, 0), Turn(edge, 2.0007, 1)], "x"))

    assert rows[0][2] == rows[1][1]


def test_the_end_is_rounded_not_the_duration():
    # 0.0004 ... 1.0006: a rounded duration (1.000) would end the turn at 1.000 instead of 1.001
    assert format_rttm([Turn(0.0004, 1.0006, 0)], "x").split()[3:5] == ["0.000", "1.001"]


def test_a_hundred_speakers_have_different_names():
    names = [read_rttm(format_rttm([Turn(0, 1, label)], "x"))[0][3] for label in range(101)]

    assert len(set(names)) == 101
    assert names[100] == "SPEAKER_100"


def is_valid_id(text):
    """The documented rule for ids, written independently of the code."""
    refused = any(unicodedata.category(char)[0] in "CZ" for char in text)
    return not refused and "/" not in text and 1 <= len(text.encode()) <= 255


recording_ids = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="/"), min_size=1, max_size=63
).filter(is_valid_id)


@st.composite
def turn_lists(draw):
    """Turns in order of time, in whole and half samples of up to 30 hours."""
    steps = draw(st.lists(st.integers(32, 10**8), min_size=2, max_size=20))
    labels = draw(st.lists(st.integers(0, 99), min_size=10, max_size=10))
    edges = [sum(steps[: i + 1]) / 32_000 for i in range(len(steps) // 2 * 2)]
    return [
        Turn(*edge, label)
        for *edge, label in zip(edges[::2], edges[1::2], labels[: len(edges) // 2], strict=True)
    ]


@seeded()
@given(turn_lists(), recording_ids)
def test_rttm_reads_back_to_a_millisecond(turns, recording_id):
    asked = parse_request({"recording_id": recording_id}, Options())
    rows = read_rttm(format_rttm(turns, asked.recording_id))

    assert len(rows) == len(turns)
    for turn, (read_id, start_ms, end_ms, speaker) in zip(turns, rows, strict=True):
        assert read_id == recording_id
        assert start_ms == pytest.approx(turn.start_s * 1000, abs=0.5001)
        assert end_ms == pytest.approx(turn.end_s * 1000, abs=0.5001)
        assert int(speaker.removeprefix("SPEAKER_")) == turn.label
