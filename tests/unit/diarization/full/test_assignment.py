"""Chunk-local speakers and windows combined into turns."""

import tracemalloc
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.activity import Stretch
from diarization.full.assignment import (
    assign_turns,
    assigned,
    best_windows,
    block_stretches,
    chunk_evidence,
    middle_of,
    window_evidence,
)
from diarization.full.segmentation import CHUNK_FRAMES, POWERSET, Segmentation, frame_centres
from diarization.options import FrameOptions, SpeakerBounds
from diarization.request import RequestOptions
from diarization.turns import Turn
from unit.planted_blocks import AB, AC, N_FRAMES, SILENCE, A, B, C, block, edge_s
from unit.seeded import seeded

OPTIONS = FrameOptions()  # 0.1 s are 6 frames
CLASS_OF = {tuple(row): number for number, row in enumerate(POWERSET.astype(int).tolist())}
EYE = np.eye(3, dtype=np.float32)


def certain(classes):
    return np.eye(7, dtype=np.float32)[classes]


def window_at(*frames, half=500):
    """Windows whose middles are the centres of these frames."""
    middles = 270 * np.array(frames) + 495
    return np.stack([middles - half, middles + half], axis=1)


def test_window_evidence_has_triangular_weights():
    shares = np.array([[1, 0], [0, 1]], np.float32)
    found = window_evidence(window_at(10, 12), shares, 20, reach=3 * 270)

    # weights of the windows on frames 8 ... 14: 1/3 2/3 1 2/3 1/3 0 0 and 0 0 1/3 2/3 1 2/3 1/3
    assert found[8:15, 0] == pytest.approx([1, 1, 3 / 4, 1 / 2, 1 / 4, 0, 0])
    assert found.dtype == np.float32


def test_frames_out_of_reach_take_the_nearest_window():
    shares = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], np.float32)
    found = window_evidence(window_at(10, 13, 30), shares, 41, reach=270)

    # frames 11 and 12 are as far as the weight is zero; 21 and 22 are nearer to 13 and to 30
    assert found[:12] == pytest.approx(np.tile(shares[0], (12, 1)))
    assert found[12:22] == pytest.approx(np.tile(shares[1], (10, 1)))
    assert found[22:] == pytest.approx(np.tile(shares[2], (19, 1)))


def test_without_windows_all_speakers_are_equally_likely():
    found = window_evidence(np.empty((0, 2), np.int64), np.empty((0, 4), np.float32), 3, 12_000)

    assert found.tolist() == [[0.25] * 4] * 3


def test_no_frames_give_no_window_evidence():
    assert window_evidence(window_at(3), EYE[:1], 0, 12_000).shape == (0, 3)


@seeded()
@given(
    st.lists(st.integers(0, 40_000), min_size=1, max_size=9, unique=True),
    st.integers(1, 150),
    st.integers(1, 12_000),
    st.integers(0, 99),
)
def test_window_evidence_is_the_weighted_mean_of_the_windows(begins, n_frames, reach, seed):
    windows = np.sort(begins)[:, None] + np.array([0, 16_000])
    shares = np.random.default_rng(seed).dirichlet([1, 1, 1], len(windows)).astype(np.float32)
    found = window_evidence(windows, shares, n_frames, reach)

    distance = np.abs(frame_centres(n_frames)[:, None] - windows.mean(axis=1))
    weight = np.maximum(0, 1 - distance / reach)
    alone = np.eye(len(windows))[distance.argmin(axis=1)]
    weight = np.where(weight.any(axis=1, keepdims=True), weight, alone)
    wanted = weight @ shares / weight.sum(axis=1, keepdims=True)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(np.ones(n_frames), abs=1e-5)


def test_window_evidence_needs_no_matrix_of_frames_by_windows():
    begins = 8_000 * np.arange(600)  # 300 s of windows in a block of 600 s
    windows = np.stack([begins, begins + 16_000], axis=1)
    shares = np.random.default_rng(0).random((600, 4), np.float32)
    tracemalloc.start()
    window_evidence(windows, shares, 35_554, 12_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 30e6, "17 700 frames x 600 windows of 8 bytes would be 85 MB"


def test_a_local_speaker_is_assigned_by_solo_frames():
    posteriors = certain([A] * 10 + [AC] * 50 + [C] * 10)
    by_windows = np.concatenate([EYE[[2] * 10], EYE[[1] * 50], EYE[[0] * 10]])

    assert assigned(posteriors, by_windows, OPTIONS) == [(0, 2), (2, 0)]


def test_a_local_speaker_without_solo_frames_is_assigned_by_all_frames():
    posteriors = certain([AB] * 20 + [B] * 20)
    by_windows = np.concatenate([np.tile([[0.6, 0.4]], (20, 1)), np.tile([[0.1, 0.9]], (20, 1))])

    assert assigned(posteriors, by_windows, OPTIONS) == [(0, 0), (1, 1)]


def test_two_similar_local_speakers_get_two_clusters():
    posteriors = certain([A] * 20 + [B] * 20)
    by_windows = np.array([[0.6, 0.4, 0.0]] * 20 + [[0.9, 0.1, 0.0]] * 20)

    assert assigned(posteriors, by_windows, OPTIONS) == [(0, 1), (1, 0)]


def test_assignment_is_optimal_not_greedy():
    posteriors = certain([A] * 20 + [B] * 20)
    by_windows = np.array([[0.5, 0.4, 0.1]] * 20 + [[0.5, 0.0, 0.5]] * 20)

    # 0.5 + 0.5 for (0, 2), more than 0.4 + 0.5 for (1, 0) or (1, 2)
    assert assigned(posteriors, by_windows, OPTIONS) == [(0, 0), (1, 2)]


def test_local_speakers_in_excess_of_clusters_share_the_likeliest():
    posteriors = certain([A] * 20 + [B] * 20 + [C] * 20)
    two = np.array([[0.9, 0.1]] * 20 + [[0.3, 0.7]] * 20 + [[0.8, 0.2]] * 20)

    assert assigned(posteriors, two, OPTIONS) == [(0, 0), (1, 1), (2, 0)]
    assert assigned(posteriors, np.ones((60, 1)), OPTIONS) == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize(("n_frames", "pairs"), [(5, [(1, 1)]), (6, [(0, 0), (1, 1)])])
def test_local_speakers_below_the_least_time_are_ignored(n_frames, pairs):
    posteriors = certain([A] * n_frames + [B] * 40)
    by_windows = np.concatenate([EYE[[0] * n_frames], EYE[[1] * 40]])

    assert assigned(posteriors, by_windows, OPTIONS) == pairs


def test_without_a_least_time_one_frame_is_enough():
    options = FrameOptions(least_active_s=0.0)

    assert assigned(certain([SILENCE, B]), EYE[[0, 2]], options) == [(1, 2)]
    assert assigned(certain([SILENCE]), EYE[[0]], options) == []
    assert assigned(certain([]), EYE[:0], options) == []


@seeded()
@given(st.integers(1, 5), st.integers(0, 999))
def test_two_local_speakers_never_share_a_cluster_if_there_are_enough(n_clusters, seed):
    rng = np.random.default_rng(seed)
    posteriors = certain(np.repeat(rng.integers(0, 7, 12), 10))
    by_windows = rng.dirichlet(np.ones(n_clusters), 120).astype(np.float32)
    pairs = assigned(posteriors, by_windows, OPTIONS)

    active = set(np.flatnonzero(POWERSET[posteriors.argmax(axis=1)].any(axis=0)).tolist())
    clusters = [cluster for _, cluster in pairs]
    assert {local for local, _ in pairs} == active
    assert len(pairs) == len(active)
    assert len(set(clusters)) == min(len(active), n_clusters)
    assert all(0 <= cluster < n_clusters for cluster in clusters)


def planted_chunks(talks, first_frames, orders):
    """Chunks of a block in which speaker k is the local speaker orders[chunk][k]."""
    posteriors = np.zeros((len(orders), CHUNK_FRAMES, 7), np.float32)
    for chunk, first, order in zip(posteriors, first_frames, orders, strict=True):
        local = talks[first : first + CHUNK_FRAMES][:, np.argsort(order)]
        classes = [CLASS_OF[tuple(row)] for row in local.astype(int).tolist()]
        chunk[: len(classes)] = certain(classes)
    return Segmentation(np.array(first_frames), posteriors, len(talks))


TALKS = np.repeat(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0]] * 2,
    [60, 30, 70, 20, 60, 15, 40, 50, 45, 25, 60, 30, 70, 40, 50, 72],
    axis=0,
).astype(bool)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_permutations_of_local_speakers_are_undone(order):
    orders = [order, (1, 2, 0), (2, 1, 0)]
    assert len(TALKS) == 737
    segmentation = planted_chunks(TALKS, [0, 74, 148], orders)
    by_windows = (0.1 + 0.7 * TALKS / np.maximum(TALKS.sum(axis=1, keepdims=True), 1)).astype("f")

    found = chunk_evidence(segmentation, by_windows, OPTIONS)
    assert found == pytest.approx(TALKS.astype(np.float32))
    assert found.dtype == np.float32


def test_chunk_evidence_is_the_mean_over_the_covering_chunks():
    posteriors = np.zeros((2, CHUNK_FRAMES, 7), np.float32)
    posteriors[0, :, [A, SILENCE]] = np.array([[0.75], [0.25]])
    posteriors[1, :, [B, AB, SILENCE]] = np.array([[0.5], [0.125], [0.375]])
    segmentation = Segmentation(np.array([0, 100]), posteriors, 689)
    by_windows = np.tile(np.array([0, 1], np.float32), (689, 1))

    found = chunk_evidence(segmentation, by_windows, OPTIONS)
    assert (found[:, 0] == 0).all()
    assert found[:100, 1].tolist() == [0.75] * 100
    assert found[100:589, 1].tolist() == [0.6875] * 489
    assert found[589:, 1].tolist() == [0.625] * 100


def test_overlap_of_two_local_speakers_in_one_cluster_counts_once():
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[0, :, [AB, A, SILENCE]] = np.array([[0.5], [0.25], [0.25]])
    segmentation = Segmentation(np.array([0]), posteriors, 400)

    found = chunk_evidence(segmentation, np.ones((400, 1), np.float32), OPTIONS)
    assert found.tolist() == [[0.75]] * 400


def test_silent_chunks_give_no_evidence():
    segmentation = Segmentation(np.array([0]), certain([[SILENCE] * CHUNK_FRAMES]), 400)

    found = chunk_evidence(segmentation, EYE[[0] * 400], OPTIONS)
    assert found.tolist() == np.zeros((400, 3)).tolist()


FRAMES = FrameOptions()
ANY = SpeakerBounds()


def turns_of(blocks, shares, speakers=ANY, *, exclusive=False):
    asked = RequestOptions("recording", speakers, "full", exclusive)
    return assign_turns(blocks, np.array(shares, np.float32), FRAMES, asked)


def rows_of(*arguments, **options):
    """(begin in seconds, end in seconds, speaker) of the turns."""
    return [(turn.start_s, turn.end_s, turn.label) for turn in turns_of(*arguments, **options)]


def stretches_of(block, shares, frames=FRAMES, *, exclusive=False):
    """(begin, end, speaker) of the stretches in a block."""
    found = block_stretches(block, np.array(shares, np.float32), frames, exclusive)
    return [stretch[:3] for stretch in found]


def test_confidence_combines_chunks_and_windows():
    # a chunk's 1 and windows' 0.9, which weigh twice as much
    confidence = pytest.approx((1 + 2 * 0.9) / 3)

    assert turns_of([block(16_000)], [[0.9, 0.1]] * 3) == [Turn(1.0, 3.0, 0, confidence)]


@pytest.mark.parametrize("share", [0.55, 0.75, 1.0])
def test_a_voice_between_two_speakers_has_lower_confidence(share):
    (turn,) = turns_of([block()], [[share, 1 - share]] * 3)

    assert turn.confidence == pytest.approx((1 + 2 * share) / 3)


def test_local_speakers_are_identified_by_the_windows():
    shares = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    found = stretches_of(block(1_000, ((A, 40), (AB, 20), (B, 57))), shares)

    # frame 40 begins with sample 11160, frame 60 with 16560
    assert found == [(1_000, 17_560, 1), (12_160, 33_000, 0)]


def test_exclusive_turns_keep_the_likeliest_speaker_in_overlap():
    shares = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    found = stretches_of(block(1_000, ((A, 40), (AB, 20), (B, 57))), shares, exclusive=True)

    # by windows it is even in sample 16000, in frame 57; frame 58 begins with 16020
    assert found == [(1_000, 17_020, 1), (17_020, 33_000, 0)]


def test_exclusive_turns_have_no_blips_in_overlap():
    both, shares = block(classes=((AB, N_FRAMES),)), [[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]]

    # the windows say 1 only for less than 1333 samples from the middle, 10 frames
    assert stretches_of(both, shares) == [(0, 32_000, 0), (0, 32_000, 1)]
    assert stretches_of(both, shares, exclusive=True) == [(0, 32_000, 0)]


PAUSE = ((A, 40), (B, 25), (A, 52))


def test_a_pause_with_another_speaker_is_filled_unless_turns_are_exclusive():
    one, shares = block(classes=PAUSE), [[0.5, 0.5]] * 3
    begin, end = 270 * 40 + 360, 270 * 65 + 360

    assert stretches_of(one, shares) == [(0, 32_000, 0), (begin, end, 1)]
    assert stretches_of(one, shares, exclusive=True) == [
        (0, begin, 0),
        (begin, end, 1),
        (end, 32_000, 0),
    ]


@pytest.mark.parametrize(("turn_fill_s", "n_turns"), [(0.42, 2), (0.44, 1)])
def test_pauses_of_a_speaker_shorter_than_the_limit_are_filled(turn_fill_s, n_turns):
    frames = FrameOptions(turn_fill_s=turn_fill_s)  # 25 and 26 frames
    found = stretches_of(block(classes=PAUSE), [[0.5, 0.5]] * 3, frames)

    assert len([speaker for *_, speaker in found if speaker == 0]) == n_turns


@pytest.mark.parametrize(("least_turn_s", "speakers"), [(0.42, [0, 1]), (0.44, [0])])
def test_a_turn_shorter_than_the_limit_goes_to_the_neighbour(least_turn_s, speakers):
    frames = FrameOptions(least_turn_s=least_turn_s)  # 25 and 26 frames
    found = stretches_of(block(classes=PAUSE), [[0.5, 0.5]] * 3, frames)

    assert [speaker for *_, speaker in found] == speakers


@pytest.mark.parametrize(("window_weight", "speaker"), [(0.0, 0), (1.9, 0), (2.1, 1)])
def test_window_weight_balances_windows_against_chunks(window_weight, speaker):
    # the local speaker is 0 by most windows; in the last frames the windows say 1 by 0.75 to 0.25
    frames = FrameOptions(window_weight=window_weight, least_turn_s=0.0)
    found = stretches_of(block(), [[1, 0], [1, 0], [0.25, 0.75]], frames)

    assert max(found, key=lambda stretch: stretch[1])[2] == speaker


def test_silence_has_no_turns_and_a_silent_block_no_stretches():
    found = rows_of([block(classes=((SILENCE, 58), (A, 59)))], [[0.9, 0.1]] * 2)
    silent = block(classes=((SILENCE, N_FRAMES),))

    assert found == [(edge_s(58), 2.0, 0)]
    assert stretches_of(silent, np.empty((0, 2))) == []
    assert len(silent.windows) == 0


def test_every_block_gets_its_own_windows():
    silent = block(32_000, classes=((SILENCE, N_FRAMES),))
    late = block(64_000, classes=((SILENCE, 58), (A, 59)))
    blocks = [block(0), silent, late, block(96_000)]
    shares = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 2 + [[0.7, 0.3]] * 3

    assert rows_of(blocks, shares) == [(0, 2, 0), (4 + edge_s(58), 6, 1), (6, 8, 0)]


def test_a_turn_across_blocks_is_one():
    blocks = [block(0), block(32_000), block(64_000)]

    assert rows_of(blocks, [[0.6, 0.4]] * 9) == [(0, 6, 0)]


NOWHERE_LIKELIEST = [[0.9, 0.1, 0.0], [0.7, 0.1, 0.2], [0.95, 0.0, 0.05]]


def test_a_speaker_who_is_nowhere_the_likeliest_is_left_out():
    assert rows_of([block()], NOWHERE_LIKELIEST) == [(0, 2, 0)]
    assert rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(1, 3)) == [(0, 2, 0)]


def test_a_minimum_adds_a_speaker_in_the_middle_of_the_best_window():
    _, added = found = turns_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(2, 3))

    assert [turn.label for turn in found] == [0, 2], "0.2 of the third is more than 0.1"
    assert added == Turn(0.75, 1.25, 2, pytest.approx(0.2))


def test_a_minimum_gives_every_speaker_a_turn():
    found = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(3, 3))

    assert found == [(0, 2, 0), (0.25, 0.75, 1), (0.75, 1.25, 2)]


def test_the_best_window_of_all_blocks_is_taken():
    shares = [[0.9, 0.1]] * 3 + [[0.8, 0.2], [0.9, 0.1], [0.6, 0.4]]
    found = rows_of([block(0), block(48_000)], shares, SpeakerBounds(2, 2))

    assert found == [(0, 2, 0), (3, 5, 0), (4.25, 4.75, 1)]


def test_no_more_speakers_are_added_than_there_are_clusters():
    assert rows_of([block()], [[1.0]] * 3, SpeakerBounds(4, 4)) == [(0, 2, 0)]


def test_an_added_speaker_replaces_others_if_turns_are_exclusive():
    two = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(2, 3), exclusive=True)
    three = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(3, 3), exclusive=True)

    assert two == [(0, 0.75, 0), (0.75, 1.25, 2), (1.25, 2, 0)]
    assert three == [(0, 0.25, 0), (0.25, 0.75, 1), (0.75, 1.25, 2), (1.25, 2, 0)]


def test_two_speakers_with_the_same_best_window_both_get_a_turn():
    shares = [[0.9, 0.05, 0.05], [0.6, 0.15, 0.25], [0.95, 0.0, 0.05]]
    found = rows_of([block()], shares, SpeakerBounds(3, 3), exclusive=True)

    assert {speaker for *_, speaker in found} == {0, 1, 2}
    assert all(a[1] <= b[0] for a, b in pairwise(found))


def test_a_speaker_whose_only_turn_would_be_replaced_keeps_one():
    one = block(classes=((A, 45), (B, 25), (A, 47)))  # B talks from 0.78 to 1.2 s
    shares = [[0.9, 0.1, 0.0], [0.5, 0.28, 0.22], [0.95, 0.05, 0.0]]

    for exclusive in (False, True):
        found = rows_of([one], shares, SpeakerBounds(3, 3), exclusive=exclusive)
        assert {speaker for *_, speaker in found} == {0, 1, 2}


def test_best_windows_come_from_all_blocks_the_surest_first():
    shares = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.05, 0.95], [0.5, 0.5]]

    assert best_windows([block(0), block(48_000)], np.array(shares)) == [
        Stretch(56_000, 72_000, 1, 0.95),
        Stretch(0, 16_000, 0, 0.9),
    ]


def test_the_middle_is_no_longer_than_the_stretch():
    stretch = Stretch(1_000, 17_000, 3, 0.5)

    assert middle_of(stretch, 8_000) == Stretch(5_000, 13_000, 3, 0.5)
    assert middle_of(stretch, 16_000) == middle_of(stretch, 20_000) == stretch
