"""Blocks and the chunks that touch them: one grid over the recording, wherever it is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.full.segmentation import (
    CHUNK_FRAMES,
    CHUNK_SAMPLES,
    Tail,
    chunk_starts,
    segmented_blocks,
)
from diarization.sad import SpeechBlock
from unit.seeded import seeded

HOP = 20_000


class CountingNet:
    """A network whose posteriors tell in which 1000 samples of the recording a chunk begins."""

    def __init__(self):
        self.starts = []
        self.batch_sizes = []

    def segment(self, batches):
        for batch in batches:
            assert batch.shape[1:] == (1, CHUNK_SAMPLES)
            starts = batch[:, 0, 0].astype(int)
            self.starts += starts.tolist()
            self.batch_sizes.append(len(batch))
            yield np.broadcast_to(starts[:, None, None] / 1000, (len(batch), CHUNK_FRAMES, 7))


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


def segmented(*lengths, hop=HOP, at_once=8):
    net = CountingNet()
    found = list(segmented_blocks(blocks_of(*lengths), net.segment, hop, at_once))
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
def test_batches_have_no_more_chunks_than_asked_and_about_as_many_each(at_once, sizes):
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
        for block, _ in segmented_blocks(arriving(), CountingNet().segment, HOP, 8)
    ]
    assert came == [(0, 2), (320_000, 3), (640_000, 4), (960_000, 4)]


def test_no_audio_is_no_block_and_no_chunk():
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
    found, net = segmented(*lengths, hop=hop)

    assert net.starts == chunk_starts(sum(lengths), hop).tolist()
    assert [block.offset for block, _ in found] == [0, *np.cumsum(lengths)[:-1].tolist()]
    for block, segmentation in found:
        assert (segmentation.covering() >= 1).all()
        wanted = [s for s in net.starts if s < block.end and s + CHUNK_SAMPLES > block.offset]
        assert np.array(starts_in(segmentation)) == pytest.approx(wanted, abs=501), "float16"


def test_the_tail_holds_no_more_than_it_has_to():
    tail = Tail()
    tail.add(np.arange(300_000, dtype=np.float32))
    tail.forget(before=100_000)
    tail.add(np.arange(300_000, 310_000, dtype=np.float32))

    assert (tail.start, tail.end) == (100_000, 310_000)
    ((chunk,),) = tail.chunks(np.array([120_000]), 8)
    assert (chunk[0, 0], chunk[0, -1]) == (120_000, 279_999)
    tail.forget(before=-5)
    assert tail.start == 100_000
