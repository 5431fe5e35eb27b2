"""How many speakers the full chain finds, and in which directions they are."""

from dataclasses import replace

import numpy as np
import pytest

from diarization.full.speakers import bounds_with_overlap, speaker_centroids
from diarization.options import FrameOptions, Options, SpeakerBounds
from unit.planted_blocks import AB, NOBODY, A, B, block

ANY = SpeakerBounds()
EYE = np.eye(4, dtype=np.float32)


def centroids(unit, *shares, options=None, bounds=ANY, classes=((A, 117),)):
    """Speakers of blocks with three windows each, and these shares of speech in them."""
    blocks = [replace(block(classes=classes), shares=np.array(share)) for share in shares]
    found = speaker_centroids(blocks, np.asarray(unit, "f"), options or Options(), bounds)
    return sorted(found.tolist())


def bounds(*blocks, minimum=1, maximum=30):
    found = bounds_with_overlap(list(blocks), SpeakerBounds(minimum, maximum))
    return found.minimum, found.maximum


def with_overlap(n_frames):
    return block(classes=((A, 117 - n_frames), (AB, n_frames)))


def test_centroids_are_those_of_the_windows_with_most_speech():
    unit = EYE[[0, 0, 1, 3, 1, 0]]

    found = centroids(unit, [0.9, 0.5, 0.8], [0.49, 1.0, 0.5])
    assert found == [[0, 1, 0, 0], [1, 0, 0, 0]], "the fourth window is left out"


def test_if_no_window_is_full_enough_the_fullest_are_clustered():
    assert centroids(EYE[:3, :3], [0.31, 0.4, 0.4]) == [[0, 0, 1], [0, 1, 0]]


def test_the_distance_of_the_full_mode_decides_who_is_one_speaker():
    cosine = 0.42  # distance 0.58, between those of the two modes
    unit = [[1, 0], [cosine, np.sqrt(1 - cosine**2)], [1, 0]]

    assert len(centroids(unit, [1, 1, 1])) == 1
    nearer = Options(frames=FrameOptions(join_distance=0.55))
    assert len(centroids(unit, [1, 1, 1], options=nearer)) == 2


def test_who_is_only_in_windows_with_little_speech_is_found_as_a_stranger():
    unit, shares = EYE[[0, 1, 3, 0, 1, 3]], [[1, 1, 0.4]] * 2

    assert centroids(unit, *shares) == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert centroids(unit, *shares, bounds=SpeakerBounds(1, 2)) == [[0, 1, 0, 0], [1, 0, 0, 0]]


def test_who_is_found_stays_where_more_are_asked_for():
    unit = np.eye(5, dtype=np.float32)[[0, 1, 3, 0, 1, 3, 4, 0, 1]]
    shares = [[1, 1, 0.4]] * 2 + [[1, 1, 1]]

    found = centroids(unit, *shares, bounds=SpeakerBounds(4, 4))
    assert found == np.eye(5)[[4, 3, 1, 0]].tolist()


def test_a_stranger_is_heard_alone():
    unit, shares = EYE[[0, 1, 3, 0, 1, 3]], [[1, 1, 0.4]] * 2

    # B is alone in 29 of the last window's 59 frames
    found = centroids(unit, *shares, classes=((A, 59), (B, 29), (A, 29)))
    assert found == [[0, 1, 0, 0], [1, 0, 0, 0]]


def test_where_two_are_heard_at_once_there_are_two_speakers():
    unit = [[1, 0], [0.8, 0.6], [1, 0]]

    assert len(centroids(unit, [1, 1, 1])) == 1
    assert centroids(unit, [1, 1, 1], classes=((AB, 117),)) == [pytest.approx([0.8, 0.6]), [1, 0]]
    assert len(centroids(unit, [1, 1, 1], classes=((AB, 117),), bounds=SpeakerBounds(1, 1))) == 1


def test_a_second_of_overlap_makes_two_speakers_the_least():
    assert bounds(with_overlap(58)) == (1, 30)
    assert bounds(with_overlap(59)) == (2, 30)  # 59 frames are 0.996 s


def test_the_overlap_of_all_blocks_counts():
    assert bounds(with_overlap(29), with_overlap(29)) == (1, 30)
    assert bounds(with_overlap(29), with_overlap(0), with_overlap(30)) == (2, 30)


@pytest.mark.parametrize(("n_other", "least"), [(23, 2), (24, 2), (25, 1)])
def test_a_second_of_overlap_in_more_than_50_of_speech_is_an_accident(n_other, least):
    # 59 frames are a fiftieth of 2950; 1 + 24 blocks have 2925, one more has 3042
    assert bounds(with_overlap(59), *[block()] * n_other)[0] == least


def test_silence_does_not_make_overlap_rarer():
    silent = block(classes=((NOBODY, 117),))

    assert bounds(with_overlap(59), *[silent] * 60) == (2, 30)


def test_overlap_outside_speech_does_not_count():
    heard = with_overlap(59)
    unheard = replace(heard, speech=np.arange(117) != 116)

    assert bounds(unheard) == (1, 30)


@pytest.mark.parametrize(("probability", "least"), [(0.49, 1), (0.5, 2)])
def test_two_are_heard_from_one_and_a_half_expected_on(probability, least):
    half = with_overlap(59)
    count = half.expected_count.copy()
    count[58:117] = 1 + probability

    assert bounds(replace(half, expected_count=count)) == (least, 30)


@pytest.mark.parametrize("allowed", [(1, 1), (2, 2), (2, 30), (3, 5), (5, 5)])
def test_what_is_asked_for_goes_before_what_is_heard(allowed):
    minimum, maximum = allowed
    wanted = (min(max(minimum, 2), maximum), maximum)

    assert bounds(with_overlap(117), minimum=minimum, maximum=maximum) == wanted == allowed
