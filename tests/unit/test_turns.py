import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.turns import Turn, by_first_appearance, share_overlaps, turn_rows, turns_of
from unit.seeded import seeded

SECOND = 16_000


def turns(windows_s, labels):
    windows = np.array(windows_s, np.float64).reshape(-1, 2) * SECOND
    return turns_of(windows.astype(np.int64), np.array(labels, np.int64))


def test_no_window_gives_no_turn():
    assert turns([], []) == []


def test_one_window_is_one_turn():
    assert turns([[1, 2.5]], [7]) == [Turn(1.0, 2.5, 0)]


def test_windows_of_one_speaker_that_overlap_or_touch_are_one_turn():
    assert turns([[0, 1.5], [0.75, 2.25], [2.25, 3]], [4, 4, 4]) == [Turn(0.0, 3.0, 0)]


def test_two_speakers_share_the_overlap_in_its_middle():
    # 0.75 ... 1.5 is in both windows; its middle is 1.125
    assert turns([[0, 1.5], [0.75, 2.25]], [1, 0]) == [Turn(0.0, 1.125, 0), Turn(1.125, 2.25, 1)]


def test_a_pause_ends_the_turn_of_a_speaker():
    assert turns([[0, 1], [1.5, 2]], [3, 3]) == [Turn(0.0, 1.0, 0), Turn(1.5, 2.0, 0)]


def test_a_speaker_who_comes_back_keeps_the_label():
    windows = [[0, 2], [1, 3], [2, 4], [3, 5]]

    assert turns(windows, [9, 2, 2, 9]) == [
        Turn(0.0, 1.5, 0),
        Turn(1.5, 3.5, 1),
        Turn(3.5, 5.0, 0),
    ]


def test_labels_are_numbered_by_first_appearance():
    labels = by_first_appearance(np.array([5, 5, 2, 9, 2, 5, -1]))

    assert labels.tolist() == [0, 0, 1, 2, 1, 0, 3]
    assert by_first_appearance(np.array([], np.int64)).tolist() == []


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


def test_no_turn_has_rows_of_three_columns_all_the_same():
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
    return np.stack([begins, ends], axis=1), np.array(labels)


@seeded()
@given(labelled_windows())
def test_turns_are_sorted_disjoint_and_as_long_as_the_windows_together(labelled):
    windows, labels = labelled
    found = turns_of(windows, labels)

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
    windows, labels = labelled
    renumbered = by_first_appearance(labels)
    found = turns_of(windows, labels)

    assert {turn.label for turn in found} == set(range(len(set(labels.tolist()))))
    for turn in found:
        own = windows[renumbered == turn.label]
        begin, end = round(turn.start_s * SECOND, 3), round(turn.end_s * SECOND, 3)
        assert ((own[:, 0] <= begin) & (begin < own[:, 1])).any()
        assert ((own[:, 0] < end) & (end <= own[:, 1])).any()


@seeded(20)
@given(labelled_windows(), st.permutations(range(5)))
def test_turns_do_not_depend_on_the_numbers_of_the_clusters(labelled, numbers):
    windows, labels = labelled

    assert turns_of(windows, np.array(numbers)[labels]) == turns_of(windows, labels)
