"""Chunks of a recording, and their posteriors on the frames of blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.segmentation import (
    CHUNK_FRAMES,
    CHUNK_SAMPLES,
    POWERSET,
    Segmentation,
    Tail,
    chunk_starts,
    cut_chunks,
    frame_centres,
    frames_of,
    segmentation_of,
    speaker_count_of,
    speech_of,
)
from unit.seeded import seeded

HOP = 20_000
LONGEST_HOP = 158_400  # 9.9 s, as far as `frames.chunk_hop_s` may go: 589 frames are 9.94 s
SILENCE, A, B, C, AB, AC, BC = range(7)


def certain(*classes):
    """Posteriors of chunks that are of one class from end to end."""
    rows = np.eye(7, dtype=np.float32)[list(classes)]
    return np.repeat(rows[:, None], CHUNK_FRAMES, axis=1)


def block(n_samples, *classes, hop=HOP):
    starts = chunk_starts(n_samples, hop)
    return segmentation_of(certain(*classes), starts, n_samples)


@pytest.mark.parametrize(
    ("n_samples", "starts"),
    [
        (0, [0]),
        (1, [0]),
        (159_999, [0]),
        (160_000, [0]),
        (160_001, [0, 1]),
        (180_000, [0, 20_000]),
        (180_001, [0, 20_000, 20_001]),
        (210_000, [0, 20_000, 40_000, 50_000]),
    ],
)
def test_chunks_start_every_hop_and_the_last_ends_with_the_audio(n_samples, starts):
    found = chunk_starts(n_samples, HOP)

    assert found.tolist() == starts
    assert found.dtype == np.int64


@seeded(100)
@given(n_samples=st.integers(0, 3_000_000), hop=st.integers(1600, CHUNK_SAMPLES))
def test_chunks_cover_every_sample(n_samples, hop):
    starts = chunk_starts(n_samples, hop)
    steps = np.diff(starts)

    assert starts[0] == 0
    assert ((steps > 0) & (steps <= hop)).all(), "sorted, no chunk twice, no sample between two"
    assert starts[-1] + CHUNK_SAMPLES == max(n_samples, CHUNK_SAMPLES)


def test_a_chunk_is_the_audio_from_its_start():
    samples = np.arange(210_000, dtype=np.float32)
    chunks = cut_chunks(samples, np.array([0, 20_000, 50_000]))

    assert chunks.shape == (3, 1, 160_000)
    assert chunks.dtype == np.float32
    assert chunks[:, 0, 0].tolist() == [0, 20_000, 50_000]
    assert chunks[:, 0, -1].tolist() == [159_999, 179_999, 209_999]
    assert (np.diff(chunks, axis=2) == 1).all()


@pytest.mark.parametrize("n_samples", [0, 1, 159_999])
def test_audio_shorter_than_a_chunk_is_followed_by_zeros(n_samples):
    samples = np.ones(n_samples, np.float32)
    (chunk,) = cut_chunks(samples, np.array([0]))

    assert chunk.shape == (1, 160_000)
    assert chunk.sum() == n_samples
    assert (chunk[0, :n_samples] == 1).all()
    assert len(samples) == n_samples


@pytest.mark.parametrize(
    ("n_samples", "n_frames"),
    # frame i is centred on sample 270 i + 495; a chunk has 589 frames
    [(0, 0), (1, 0), (495, 0), (496, 1), (765, 1), (766, 2), (159_255, 588), (160_000, 589)],
)
def test_a_block_has_the_frames_whose_centres_lie_in_it(n_samples, n_frames):
    assert block(n_samples, SILENCE).n_frames == n_frames


def test_a_chunk_begins_with_the_nearest_frame_of_the_block():
    found = block(200_000, SILENCE, A, B)

    assert found.first_frames.tolist() == [0, 74, 148]  # 20000 / 270 = 74.07
    assert found.n_frames == 148 + 589


@seeded(100)
@given(n_samples=st.integers(0, 2_000_000), hop=st.integers(1600, LONGEST_HOP))
def test_every_frame_is_covered_and_centred_in_the_audio(n_samples, hop):
    starts = chunk_starts(n_samples, hop)
    posteriors = np.empty((len(starts), CHUNK_FRAMES, 7), np.float32)
    found = segmentation_of(posteriors, starts, n_samples)
    centres = frame_centres(found.n_frames)

    assert len(found.covering()) == found.n_frames
    assert (found.covering() >= 1).all()
    assert (centres < n_samples).all()
    assert n_samples - max(centres, default=0) <= 495 + 3 * 270, "the end has no frames"


def test_a_chunk_covers_its_part_of_the_block():
    short = list(block(1_000, A).overlaps())
    assert [frames for frames, _ in short] == [slice(0, 2)]
    assert short[0][1].shape == (2, 7)

    three = list(block(200_000, A, B, C).overlaps())
    assert [frames for frames, _ in three] == [slice(0, 589), slice(74, 663), slice(148, 737)]
    assert [posteriors[0].argmax() for _, posteriors in three] == [A, B, C]
    assert all(posteriors.shape == (589, 7) for _, posteriors in three)


def test_a_last_chunk_beyond_the_frames_is_cut_at_its_end():
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[0, :, A] = np.arange(CHUNK_FRAMES)
    ((frames, found),) = Segmentation(np.array([3]), posteriors, 10).overlaps()

    assert frames == slice(3, 10)
    assert found[:, A].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_chunk_that_begins_before_the_block_covers_its_start():
    starts = np.array([-160_000, -159_000, -20_000, 0, 40_000])
    found = segmentation_of(certain(SILENCE, A, B, C, A), starts, 30_000)

    assert found.n_frames == 110  # centred up to sample 29 925
    covered = [(frames, len(posteriors)) for frames, posteriors in found.overlaps()]
    assert covered == [(slice(0, 110), 110), (slice(0, 110), 110)]
    assert [posteriors[0].argmax() for _, posteriors in found.overlaps()] == [B, C]


def test_the_part_of_a_chunk_in_the_block_has_the_right_frames():
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float16)
    posteriors[0, :, A] = np.arange(CHUNK_FRAMES)
    ((frames, found),) = segmentation_of(posteriors, np.array([-27_000]), 2_700).overlaps()

    assert frames == slice(0, 9)
    assert found[:, A].tolist() == list(range(100, 109))
    assert found.dtype == np.float32


def test_a_block_after_the_last_frame_of_the_last_chunk_has_no_frames():
    assert segmentation_of(certain(A), np.array([-159_500]), 500).n_frames == 0


def test_covering_chunks_are_counted_per_frame():
    found = block(200_000, A, B, C).covering()

    assert found.tolist() == [1] * 74 + [2] * 74 + [3] * 441 + [2] * 74 + [1] * 74


def test_mean_over_the_covering_chunks():
    values = np.array([0, 6, 12, 24, 0, 0, 0], np.float32)
    found = block(200_000, A, B, C).mean(values)

    assert found.tolist() == [6] * 74 + [9] * 74 + [14] * 441 + [18] * 74 + [24] * 74
    assert found.dtype == np.float32


def test_mean_of_more_than_one_value_per_class():
    found = block(180_000, AB, B).mean(POWERSET)

    assert found.shape == (663, 3)
    assert found[0].tolist() == [1, 1, 0]
    assert found[100].tolist() == [0.5, 1, 0]
    assert found[-1].tolist() == [0, 1, 0]


def test_no_frames_have_an_empty_mean():
    found = block(300, A)

    assert found.mean(np.ones(7, np.float32)).shape == (0,)
    assert found.mean(POWERSET).shape == (0, 3)
    assert speaker_count_of(found).shape == (0,)
    assert speech_of(found, np.ones(1, np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("kind", "speech", "count"),
    [(SILENCE, 0, 0), (A, 1, 1), (B, 1, 1), (C, 1, 1), (AB, 1, 2), (AC, 1, 2), (BC, 1, 2)],
)
def test_meaning_of_each_class(kind, speech, count):
    found = block(3_000, kind)

    # no net is more certain than 0.999
    silent, speaks = np.zeros(6, np.float32), np.ones(6, np.float32)
    assert speech_of(found, silent) == pytest.approx(np.full(10, speech / 2), abs=0.0011)
    assert speech_of(found, speaks) == pytest.approx(np.full(10, (1 + speech) / 2), abs=0.0011)
    assert (speaker_count_of(found) == count).all()


def test_the_expected_number_weighs_the_classes_by_their_probability():
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[..., [SILENCE, B, AC]] = 0.25, 0.25, 0.5

    found = segmentation_of(posteriors, np.array([0]), 160_000)
    assert (speaker_count_of(found) == 1.25).all()
    assert speech_of(found, np.full(313, 0.25, np.float32)) == pytest.approx(np.full(589, 0.5))


def fused(heard, sad_prob):
    """Probability of speech in a block; `heard` is that of the segmentation alone."""
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[..., [SILENCE, A, BC]] = 1 - heard, heard / 2, heard / 2
    found = segmentation_of(posteriors, np.array([0]), 600)
    (speech,) = speech_of(found, np.full(2, sad_prob, np.float32)).tolist()
    return speech


@pytest.mark.parametrize(
    ("heard", "sad_prob", "speech"),
    [
        (0.9, 0.8, 6 / 7),  # odds 9 and 4, the root of whose product is 6
        (0.8, 0.9, 6 / 7),
        (0.9, 0.1, 1 / 2),
        (0.5, 0.8, 2 / 3),
        (0.1, 0.5, 1 / 4),
        (0.2, 0.1, 1 / 7),
    ],
)
def test_speech_is_the_mean_of_the_log_odds_of_both(heard, sad_prob, speech):
    assert fused(heard, sad_prob) == pytest.approx(speech, rel=1e-5)


def test_the_more_certain_of_the_two_decides():
    assert fused(0.999, 0.2) > 0.9, "a mean would be 0.6"
    assert fused(0.001, 0.8) < 0.1, "a mean would be 0.4"
    assert fused(0.9, 0.0) < 0.1, "a mean would be 0.45"
    assert fused(0.0, 0.9) < 0.1


def test_the_certainty_of_either_net_is_limited():
    assert fused(0.0, 0.99) == pytest.approx(fused(0.001, 0.99), rel=0.001)
    assert fused(0.0, 0.1) > fused(0.0, 0.01) > 0
    assert fused(1.0, 0.001) == pytest.approx(0.5, abs=0.001)


def test_speech_takes_the_sad_frame_at_the_centre():
    # centres 495, 765, 1035, 1305, 1575, 1845 lie in frames 0, 1, 2, 2, 3, 3 of 512 samples
    sad_probs = np.array([0.1, 0.2, 0.5, 0.9], np.float32)
    undecided = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    undecided[..., [SILENCE, A]] = 0.5

    # odds 1/9, 1/4, 1 and 9, their roots 1/3, 1/2, 1 and 3
    found = speech_of(segmentation_of(undecided, np.array([0]), 2_048), sad_probs)
    assert found == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1 / 2, 3 / 4, 3 / 4])


@pytest.mark.parametrize(
    ("seconds", "n_frames"), [(0, 0), (0.008, 0), (0.009, 1), (0.1, 6), (0.5, 30), (10, 593)]
)
def test_durations_in_frames_of_270_samples(seconds, n_frames):
    assert frames_of(seconds) == n_frames


def test_the_tail_keeps_no_more_than_needed():
    tail = Tail()
    tail.add(np.arange(300_000, dtype=np.float32))
    tail.forget(before=100_000)
    tail.add(np.arange(300_000, 310_000, dtype=np.float32))

    assert (tail.start, tail.end) == (100_000, 310_000)
    ((chunk,),) = tail.chunks(np.array([120_000]), 8)
    assert (chunk[0, 0], chunk[0, -1]) == (120_000, 279_999)
    tail.forget(before=-5)
    assert tail.start == 100_000
