"""Speakers of the full mode: clustered, missed, and forced by bounds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import unit_length, unlike_share
from diarization.full.blocks import solo_shares
from diarization.full.segmentation import CHUNK_FRAMES, Segmentation
from diarization.full.speakers import (
    bounds_with_overlap,
    heard_in,
    missed_speakers,
    speaker_centroids,
)
from diarization.options import FrameOptions, Options, SpeakerBounds
from unit.planted_blocks import AB, SILENCE, WINDOWS, A, B, block, segmentation
from unit.seeded import seeded

EYE = np.eye(4, dtype=np.float32)
KNOWN = EYE[:2]


def solo(chunks, windows=WINDOWS):
    return solo_shares(chunks, np.array(windows, np.int64).reshape(-1, 2)).tolist()


def two_chunks(second_begins, n_frames, first=(A, 1.0), second=(A, 1.0)):
    """Two chunks, each with one class of that probability from end to end."""
    posteriors = np.zeros((2, CHUNK_FRAMES, 7), np.float32)
    for chunk, (kind, probability) in zip(posteriors, (first, second), strict=True):
        chunk[:, [kind, SILENCE]] = probability, 1 - probability
    return Segmentation(np.array([0, second_begins]), posteriors, n_frames)


def found_among(unit, solo=1.0, known=KNOWN, most=30, **options):
    shares = np.broadcast_to(np.asarray(solo, float), len(unit))
    found = missed_speakers(
        np.asarray(unit, np.float32), known, shares, FrameOptions(**options), most
    )
    assert found.dtype == np.float32
    assert found.shape[1] == unit.shape[1]
    return sorted(found.tolist())


def test_solo_share_is_the_share_of_frames_with_one_speaker_alone():
    # A alone in 40 of the frames 0 ... 57, B in 28 of 28 ... 87 and in 57 of 58 ... 116
    assert solo(segmentation((A, 40), (AB, 20), (B, 57))) == pytest.approx(
        [40 / 58, 28 / 60, 57 / 59]
    )


def test_solo_share_counts_only_one_of_two_speakers():
    assert solo(segmentation((A, 29), (B, 88)))[0] == pytest.approx(29 / 58)


def test_silence_and_overlap_are_not_solo():
    assert solo(segmentation((SILENCE, 58), (AB, 59))) == [0, 0, 0]


def test_solo_share_is_the_mean_over_chunks_whatever_the_local_speaker():
    assert solo(two_chunks(0, 589, (A, 1.0), (B, 1.0))) == [1, 1, 1]
    assert solo(two_chunks(0, 589, (A, 0.75), (B, 0.25))) == [0.5, 0.5, 0.5]


def test_only_a_chunk_that_holds_the_whole_window_counts():
    # the second chunk holds the frames from 58 on, those of the last window
    assert solo(two_chunks(58, 647, (A, 1.0), (A, 0.5))) == [1, 1, 0.75]
    assert solo(two_chunks(59, 648, (A, 1.0), (A, 0.5))) == [1, 1, 1]


def test_a_window_in_no_chunk_has_solo_share_0():
    # centres 154215 ... 169875 are the frames 570 ... 627; chunks end at 588 and begin at 580
    assert solo(two_chunks(580, 1169), [[154_000, 170_000], [157_000, 173_000]]) == [0, 1]


def test_no_windows_have_no_shares():
    assert solo(segmentation((A, 117)), []) == []


def test_a_speaker_with_two_windows_is_found():
    assert found_among(EYE[[0, 1, 2, 0, 2, 1, 0]]) == [[0, 0, 1, 0]]


def test_a_selection_of_many_odd_windows_is_compared(monkeypatch):
    monkeypatch.setattr("diarization.full.speakers.MOST_WINDOWS", 4)
    assert found_among(EYE[[0, 1] + [2] * 9]) == [[0, 0, 1, 0]]


def test_one_odd_window_is_no_speaker():
    assert found_among(EYE[[0, 1, 2, 0]]) == []
    assert found_among(EYE[[0, 1, 2, 0, 3]]) == [], "nor are two that differ"


def test_windows_similar_to_a_known_speaker_are_no_missed_speaker():
    def tilted(cosine):
        return np.tile([[cosine, 0, np.sqrt(1 - cosine**2), 0]], (3, 1))

    assert found_among(tilted(0.36)) == []
    assert found_among(tilted(0.34)) == [pytest.approx([0.34, 0, np.sqrt(1 - 0.34**2), 0])]
    assert len(found_among(tilted(0.6), stranger_similarity=0.61)) == 1
    assert found_among(EYE[[2, 2]], stranger_similarity=-1.0) == []


def test_windows_of_more_than_one_voice_are_ignored():
    assert found_among(EYE[[2, 2, 2]], solo=[0.79, 0.8, 0.79]) == []
    assert found_among(EYE[[2, 2, 2]], solo=[0.79, 0.8, 0.8]) == [[0, 0, 1, 0]]


def test_two_missed_speakers_are_separated():
    assert found_among(EYE[[2, 3, 0, 3, 2]]) == [[0, 0, 0, 1], [0, 0, 1, 0]]


def test_the_maximum_keeps_the_missed_speakers_with_most_windows():
    windows = EYE[[2, 3, 0, 3, 2, 3]]

    assert found_among(windows, most=4) == [[0, 0, 0, 1], [0, 0, 1, 0]]
    assert found_among(windows, most=3) == [[0, 0, 0, 1]]
    assert found_among(windows, most=2) == []
    assert found_among(windows, most=1) == []


def test_unlike_share_counts_windows_unlike_every_speaker():
    windows = EYE[[0, 1, 2, 0, 1, 3, 0, 0]]

    assert unlike_share(windows, KNOWN, np.ones(8), 0.5) == 2 / 8
    assert unlike_share(windows, EYE, np.ones(8), 0.5) == 0
    assert unlike_share(windows[:5], KNOWN, np.ones(5), 0.5) == 0, "one odd window can be a cough"


def test_unlike_share_counts_only_windows_of_one_voice():
    solo = np.array([1, 0.8, 0.79, 0.8, 1.0])

    assert unlike_share(EYE[[0, 2, 2, 3, 1]], KNOWN, solo, 0.5) == 2 / 4
    assert unlike_share(EYE[[2, 2, 2]], KNOWN, np.zeros(3), 0.5) == 0


def test_unlike_share_depends_on_the_least_cosine():
    tilted = np.tile(np.float32([0.6, 0, 0.8, 0]), (4, 1))

    assert unlike_share(tilted, KNOWN, np.ones(4), 0.59) == 0
    assert unlike_share(tilted, KNOWN, np.ones(4), 0.61) == 1


@pytest.mark.parametrize(("n_odd", "n_windows"), [(2, 499), (3, 501), (3, 699), (4, 701)])
def test_a_missed_speaker_needs_half_a_percent_of_the_windows(n_odd, n_windows):
    enough = np.repeat([2, 0], [n_odd, n_windows - n_odd])
    fewer = np.repeat([2, 0], [n_odd - 1, n_windows - n_odd + 1])

    assert found_among(EYE[enough]) == [[0, 0, 1, 0]]
    assert found_among(EYE[fewer]) == []


def test_each_missed_speaker_needs_enough_windows():
    assert found_among(EYE[[2, 2, 3, 0]]) == [[0, 0, 1, 0]]
    assert found_among(EYE[np.repeat([2, 3, 0], [2, 2, 796])]) == [], "four in all, but two each"


def test_the_centroid_of_a_missed_speaker_is_the_mean_direction():
    windows = np.array([[0, 0, 1, 0], [0, 0, 0.6, 0.8]])

    assert found_among(windows) == [pytest.approx([0, 0, 1.6 / np.sqrt(3.2), 0.8 / np.sqrt(3.2)])]


@seeded()
@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 9), st.integers(0, 999))
def test_missed_speakers_have_length_one_and_respect_the_maximum(n_windows, n_known, most, seed):
    rng = np.random.default_rng(seed)
    unit = unit_length(rng.standard_normal((n_windows, 6)).astype(np.float32))
    known = unit_length(rng.standard_normal((n_known, 6)).astype(np.float32))
    found = np.array(found_among(unit, rng.random(n_windows), known, most)).reshape(-1, 6)

    assert len(found) <= max(0, most - n_known)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(found)))


ANY = SpeakerBounds()


def centroids(unit, *shares, options=None, bounds=ANY, classes=((A, 117),)):
    """Speakers of blocks with three windows each, and these shares of speech in them."""
    blocks = [replace(block(classes=classes), shares=np.array(share)) for share in shares]
    found = speaker_centroids(heard_in(blocks), np.asarray(unit, "f"), options or Options(), bounds)
    return sorted(found.tolist())


def bounds(*blocks, minimum=1, maximum=30):
    found = bounds_with_overlap(heard_in(list(blocks)), SpeakerBounds(minimum, maximum))
    return found.minimum, found.maximum


def with_overlap(n_frames):
    return block(classes=((A, 117 - n_frames), (AB, n_frames)))


def test_only_windows_with_enough_speech_are_clustered():
    unit = EYE[[0, 0, 1, 3, 1, 0]]

    found = centroids(unit, [0.9, 0.5, 0.8], [0.49, 1.0, 0.5])
    assert found == [[0, 1, 0, 0], [1, 0, 0, 0]], "the fourth window is left out"


def test_if_no_window_has_enough_speech_the_best_are_clustered():
    assert centroids(EYE[:3, :3], [0.31, 0.4, 0.4]) == [[0, 0, 1], [0, 1, 0]]


def test_the_full_mode_has_its_own_join_distance():
    cosine = 0.42  # distance 0.58, between those of the two modes
    unit = [[1, 0], [cosine, np.sqrt(1 - cosine**2)], [1, 0]]

    assert len(centroids(unit, [1, 1, 1])) == 1
    nearer = Options(frames=FrameOptions(join_distance=0.55))
    assert len(centroids(unit, [1, 1, 1], options=nearer)) == 2


def test_a_speaker_only_in_windows_with_little_speech_is_found():
    unit, shares = EYE[[0, 1, 3, 0, 1, 3]], [[1, 1, 0.4]] * 2

    assert centroids(unit, *shares) == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert centroids(unit, *shares, bounds=SpeakerBounds(1, 2)) == [[0, 1, 0, 0], [1, 0, 0, 0]]


def test_found_speakers_stay_if_more_are_requested():
    unit = np.eye(5, dtype=np.float32)[[0, 1, 3, 0, 1, 3, 4, 0, 1]]
    shares = [[1, 1, 0.4]] * 2 + [[1, 1, 1]]

    found = centroids(unit, *shares, bounds=SpeakerBounds(4, 4))
    assert found == np.eye(5)[[4, 3, 1, 0]].tolist()


def test_a_missed_speaker_talks_alone():
    unit, shares = EYE[[0, 1, 3, 0, 1, 3]], [[1, 1, 0.4]] * 2

    # B is alone in 29 of the last window's 59 frames
    found = centroids(unit, *shares, classes=((A, 59), (B, 29), (A, 29)))
    assert found == [[0, 1, 0, 0], [1, 0, 0, 0]]


def test_overlap_means_two_speakers():
    unit = [[1, 0], [0.8, 0.6], [1, 0]]

    assert len(centroids(unit, [1, 1, 1])) == 1
    assert centroids(unit, [1, 1, 1], classes=((AB, 117),)) == [pytest.approx([0.8, 0.6]), [1, 0]]
    assert len(centroids(unit, [1, 1, 1], classes=((AB, 117),), bounds=SpeakerBounds(1, 1))) == 1


def test_a_second_of_overlap_raises_the_minimum_to_two():
    assert bounds(with_overlap(58)) == (1, 30)
    assert bounds(with_overlap(59)) == (2, 30)  # 59 frames are 0.996 s


def test_overlap_is_added_over_all_blocks():
    assert bounds(with_overlap(29), with_overlap(29)) == (1, 30)
    assert bounds(with_overlap(29), with_overlap(0), with_overlap(30)) == (2, 30)


@pytest.mark.parametrize(("n_other", "least"), [(23, 2), (24, 2), (25, 1)])
def test_overlap_below_2_percent_of_speech_is_ignored(n_other, least):
    # 59 frames are a fiftieth of 2950; 1 + 24 blocks have 2925, one more has 3042
    assert bounds(with_overlap(59), *[block()] * n_other)[0] == least


def test_silence_does_not_lower_the_share_of_overlap():
    silent = block(classes=((SILENCE, 117),))

    assert bounds(with_overlap(59), *[silent] * 60) == (2, 30)


def test_overlap_outside_speech_does_not_count():
    heard = with_overlap(59)
    unheard = replace(heard, speech=np.arange(117) != 116)

    assert bounds(unheard) == (1, 30)


@pytest.mark.parametrize(("probability", "least"), [(0.49, 1), (0.5, 2)])
def test_overlap_starts_at_one_and_a_half_expected_speakers(probability, least):
    half = with_overlap(59)
    count = half.expected_count.copy()
    count[58:117] = 1 + probability

    assert bounds(replace(half, expected_count=count)) == (least, 30)


@pytest.mark.parametrize("allowed", [(1, 1), (2, 2), (2, 30), (3, 5), (5, 5)])
def test_requested_bounds_win_over_overlap(allowed):
    minimum, maximum = allowed
    wanted = (min(max(minimum, 2), maximum), maximum)

    assert bounds(with_overlap(117), minimum=minimum, maximum=maximum) == wanted == allowed
