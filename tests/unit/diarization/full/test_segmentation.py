"""Chunks of a recording, and their posteriors on the frames of blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.segmentation import (
    CHUNK_FRAMES,
    CHUNK_SAMPLES,
    POWERSET,
    ChunkGrid,
    Segmentation,
    Tail,
    chunk_starts,
    cut_chunks,
    frame_centres,
    frames_of,
    segmentation_of,
    segmented_blocks,
    speaker_count_of,
    speech_of,
)
from diarization.sad import SpeechBlock
from unit.seeded import seeded

HOP = 20_000
ALL = ChunkGrid(HOP, 1, 0)
SPARSE = ChunkGrid(HOP, 4, 0.05)
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


class CountingNet:
    """A network whose posteriors encode in which 1000 samples of the recording a chunk begins.

    In `overlap`, first and last sample of a stretch, two people talk.
    """

    def __init__(self, overlap=(0, 0)):
        self.starts = []
        self.batch_sizes = []
        self.overlap = np.array(overlap)

    def segment(self, batches):
        for batch in batches:
            assert batch.shape[1:] == (1, CHUNK_SAMPLES)
            starts = batch[:, 0, 0].astype(int)
            self.starts += starts.tolist()
            self.batch_sizes.append(len(batch))
            posteriors = np.zeros((len(batch), CHUNK_FRAMES, 7))
            posteriors[...] = starts[:, None, None] / 1000
            posteriors[:, :, AB:] = 0
            for chunk, start in zip(posteriors, starts.tolist(), strict=True):
                first, last = np.searchsorted(frame_centres(CHUNK_FRAMES), self.overlap - start)
                chunk[first:last, AB] = 1
            yield posteriors


def blocks_of(*lengths):
    """A recording whose samples are their own positions, cut into blocks."""
    ends = np.cumsum(lengths).tolist()
    return [
        SpeechBlock(
            end - length,
            np.arange(end - length, end, dtype=np.float32),
            np.empty(0, np.float32),
            np.empty((0, 2), np.int64),
            is_last=end == ends[-1],
        )
        for length, end in zip(lengths, ends, strict=True)
    ]


def segmented(*lengths, grid=ALL, at_once=8, overlap=(0, 0), **known):
    net = CountingNet(overlap)
    found = list(segmented_blocks(blocks_of(*lengths), net.segment, grid, at_once, **known))
    return found, net


def starts_in(segmentation):
    return (segmentation.posteriors[:, 0, 0].astype(float) * 1000).round().astype(int).tolist()


def test_a_recording_of_one_block_has_the_chunks_of_the_block():
    ((block, segmentation),), net = segmented(210_000)

    assert block.offset == 0
    assert net.starts == [0, 20_000, 40_000, 50_000]
    assert starts_in(segmentation) == net.starts
    assert segmentation.first_frames.tolist() == [0, 74, 148, 185]


def test_every_chunk_is_segmented_once_and_counts_in_every_block_it_touches():
    found, net = segmented(200_000, 200_000, 100_000)

    assert net.starts == [*range(0, 340_000, HOP), 340_000]
    first, second, third = (starts_in(segmentation) for _, segmentation in found)
    assert first == [*range(0, 200_000, HOP)]
    assert second == [*range(60_000, 340_000, HOP), 340_000], "from the first that ends after 200 s"
    assert third == [*range(260_000, 340_000, HOP), 340_000]
    assert found[1][1].first_frames[0] == round((60_000 - 200_000) / 270)


def test_posteriors_are_kept_in_half_the_memory():
    ((_, segmentation),), _ = segmented(210_000)

    assert segmentation.posteriors.dtype == np.float16


@pytest.mark.parametrize(
    ("at_once", "sizes"),
    [(1, [1] * 17), (8, [6, 6, 5]), (16, [9, 8]), (17, [17]), (20, [17])],
)
def test_batches_are_within_the_limit_and_about_equal(at_once, sizes):
    _, net = segmented(480_000, at_once=at_once)

    assert net.batch_sizes == sizes


def test_a_block_comes_as_soon_as_all_its_chunks_are_known():
    pulled = []

    def arriving():
        for block in blocks_of(*[320_000] * 4):
            pulled.append(block.offset)
            yield block

    came = [
        (block.offset, len(pulled))
        for block, _ in segmented_blocks(arriving(), CountingNet().segment, ALL, 8)
    ]
    assert came == [(0, 2), (320_000, 3), (640_000, 4), (960_000, 4)]


def test_no_audio_gives_no_blocks_and_no_chunks():
    found, net = segmented()

    assert (found, net.starts) == ([], [])


def test_a_short_recording_is_one_chunk_with_zeros_after_it():
    ((block, segmentation),), net = segmented(300)

    assert (block.end, net.starts, segmentation.n_frames) == (300, [0], 0)


@seeded(60)
@given(
    lengths=st.lists(st.integers(1, 400_000), min_size=1, max_size=6),
    hop=st.integers(6_000, 158_400),
)
def test_blocks_come_in_order_and_every_frame_of_each_is_covered(lengths, hop):
    found, net = segmented(*lengths, grid=ChunkGrid(hop, 1, 0))

    assert net.starts == chunk_starts(sum(lengths), hop).tolist()
    assert [block.offset for block, _ in found] == [0, *np.cumsum(lengths)[:-1].tolist()]
    for block, segmentation in found:
        assert (segmentation.covering() >= 1).all()
        wanted = [s for s in net.starts if s < block.end and s + CHUNK_SAMPLES > block.offset]
        assert np.array(starts_in(segmentation)) == pytest.approx(wanted, abs=501), "float16"


def test_chunks_are_sparse_where_nobody_overlaps():
    ((_, segmentation),), net = segmented(480_000, grid=SPARSE)

    assert net.starts == [*range(0, 320_000, 80_000), 320_000]
    assert starts_in(segmentation) == net.starts


def test_chunks_are_dense_where_people_overlap():
    # 1 s of 10 s overlaps in the chunks from 260 000 - 160 000 on, up to 240 000.
    ((_, segmentation),), net = segmented(800_000, grid=SPARSE, overlap=(244_000, 260_000))

    sparse = [*range(0, 640_000, 80_000), 640_000]
    dense = [start for start in range(100_000, 260_000, HOP) if start not in sparse]
    assert net.starts == [*sparse, *dense]
    assert starts_in(segmentation) == sorted(net.starts)


@pytest.mark.parametrize(("share", "n_dense"), [(0.05, 6), (0.2, 0)])
def test_a_share_of_overlap_makes_chunks_dense(share, n_dense):
    _, net = segmented(800_000, grid=ChunkGrid(HOP, 4, share), overlap=(244_000, 260_000))

    assert len(net.starts) == 9 + n_dense


def test_a_share_of_zero_segments_all_chunks_of_the_grid():
    found, net = segmented(200_000, 200_000, 100_000, grid=ChunkGrid(HOP, 4, 0))

    assert sorted(net.starts) == chunk_starts(500_000, HOP).tolist()
    assert starts_in(found[1][1]) == [*range(60_000, 340_000, HOP), 340_000]


@seeded(60)
@given(
    lengths=st.lists(st.integers(1, 400_000), min_size=1, max_size=6),
    overlap=st.tuples(st.integers(0, 1_000_000), st.integers(0, 1_000_000)).map(sorted),
)
def test_where_blocks_end_does_not_change_which_chunks_there_are(lengths, overlap):
    found, net = segmented(*lengths, grid=SPARSE, overlap=overlap)
    ((_, whole),), whole_net = segmented(sum(lengths), grid=SPARSE, overlap=overlap)

    assert sorted(net.starts) == sorted(whole_net.starts)
    for block, segmentation in found:
        assert (segmentation.covering() >= 1).all()
        wanted = [s for s in sorted(net.starts) if block.offset - CHUNK_SAMPLES < s < block.end]
        assert np.array(starts_in(segmentation)) == pytest.approx(wanted, abs=501), "float16"
    assert len(whole.posteriors) == len(net.starts)


def test_a_chunk_that_is_known_is_not_segmented_again():
    _, net = segmented(480_000, grid=SPARSE)
    known = dict.fromkeys([80_000, 320_000], np.zeros((CHUNK_FRAMES, 7), np.float16))
    ((_, segmentation),), again = segmented(480_000, grid=SPARSE, known=known.get)

    assert again.starts == [start for start in net.starts if start not in known]
    asked = [bool(chunk.any()) for chunk in segmentation.posteriors]
    assert asked == [False, False, True, True, False]


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
