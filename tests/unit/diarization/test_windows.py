import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.options import WindowOptions
from diarization.windows import subsegment
from unit.seeded import seeded

ONE_SECOND = WindowOptions(length_s=1.0, hop_s=0.5)  # 16 000 and 8000 samples


def windows_of(*segments, options=ONE_SECOND):
    return subsegment(np.array(segments, np.int64).reshape(-1, 2), options).tolist()


def test_no_segment_gives_no_window():
    windows = subsegment(np.empty((0, 2), np.int64), ONE_SECOND)

    assert windows.shape == (0, 2)
    assert windows.dtype == np.int64


@pytest.mark.parametrize("end", [101, 500, 16_099, 16_100])
def test_a_segment_no_longer_than_a_window_is_one_window(end):
    assert windows_of([100, end]) == [[100, end]]


def test_a_segment_one_sample_longer_has_a_second_window():
    assert windows_of([0, 16_001]) == [[0, 16_000], [1, 16_001]]


def test_windows_start_every_hop_and_end_with_the_segment():
    assert windows_of([1000, 33_000]) == [[1000, 17_000], [9000, 25_000], [17_000, 33_000]]


def test_the_last_window_is_shifted_back_to_full_length():
    assert windows_of([0, 26_000]) == [[0, 16_000], [8000, 24_000], [10_000, 26_000]]


def test_segments_are_cut_one_by_one():
    assert windows_of([0, 500], [900, 1500], [20_000, 37_000]) == [
        [0, 500],
        [900, 1500],
        [20_000, 36_000],
        [21_000, 37_000],
    ]


def test_windows_need_not_overlap():
    side_by_side = WindowOptions(length_s=1.0, hop_s=1.0)

    assert windows_of([0, 40_000], options=side_by_side) == [
        [0, 16_000],
        [16_000, 32_000],
        [24_000, 40_000],
    ]


@st.composite
def segment_lists(draw):
    """Sorted, disjoint segments of up to 10 s."""
    lengths = draw(st.lists(st.integers(1, 160_000), min_size=2, max_size=12))
    edges = np.cumsum(lengths)[: len(lengths) // 2 * 2]
    return edges.reshape(-1, 2)


@seeded()
@given(
    segments=segment_lists(),
    length_s=st.floats(0.1, 3),
    share=st.floats(0.1, 1),
)
def test_windows_cover_every_segment_and_nothing_else(segments, length_s, share):
    options = WindowOptions(length_s=length_s, hop_s=length_s * share)
    windows = subsegment(segments, options)

    covered = np.zeros(segments[-1, 1] + 1, np.int64)
    for begin, end in windows:
        covered[begin:end] = 1
    spoken = np.zeros_like(covered)
    for begin, end in segments:
        spoken[begin:end] = 1
    assert (covered == spoken).all()


@seeded()
@given(segments=segment_lists())
def test_windows_have_one_length_where_the_segment_is_longer(segments):
    windows = subsegment(segments, ONE_SECOND)

    assert (np.diff(windows, axis=0) > 0).all(), "begins and ends both rise"
    for begin, end in windows:
        segment = segments[(segments[:, 0] <= begin) & (end <= segments[:, 1])]
        assert len(segment) == 1, "no window leaves its segment"
        assert end - begin == min(16_000, np.diff(segment[0])[0])
