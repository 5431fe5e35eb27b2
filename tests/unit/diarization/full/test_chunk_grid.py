"""Which chunks of a recording are segmented, and that every block gets those that touch it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.segmentation import (
    CHUNK_FRAMES,
    CHUNK_SAMPLES,
    ChunkGrid,
    chunk_starts,
    frame_centres,
    segmented_blocks,
)
from diarization.sad import SpeechBlock
from unit.seeded import seeded

HOP = 20_000
ALL = ChunkGrid(HOP, 1, 0)
SPARSE = ChunkGrid(HOP, 4, 0.05)
AB = 4  # the class of two speakers


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
