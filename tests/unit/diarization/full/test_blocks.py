"""Blocks: speech by frame, and the windows to embed."""

from dataclasses import replace

import numpy as np
import pytest

from diarization.full.blocks import frame_block, speech_windows
from diarization.full.segmentation import ChunkGrid, segmented_blocks
from diarization.options import FrameOptions
from diarization.sad import SpeechBlock
from unit.planted_blocks import N_FRAMES, N_SAMPLES, WINDOWS
from unit.planted_recordings import SECOND, FakeNetworks, recording

FRAMES = FrameOptions()


def spoken(*stretches):
    speech = np.zeros(N_FRAMES, bool)
    for begin, end in stretches:
        speech[begin:end] = True
    return speech


def windows_of(speech, **options):
    windows, shares = speech_windows(speech, 0, N_SAMPLES, FrameOptions(**options))
    assert len(windows) == len(shares)
    return windows.tolist(), shares


def test_windows_with_enough_speech_are_kept_with_their_share():
    windows, shares = windows_of(spoken((58, 117)))

    assert windows == WINDOWS[1:]
    assert shares == pytest.approx([30 / 60, 1])


def test_all_windows_of_a_block_full_of_speech_are_kept():
    windows, shares = windows_of(spoken((0, 117)))

    assert windows == WINDOWS
    assert shares.tolist() == [1, 1, 1]


def test_a_share_of_exactly_the_limit_is_enough():
    windows, shares = windows_of(spoken((58, 76)), evidence_share=0.3)

    assert windows == WINDOWS[1:]
    assert shares == pytest.approx([18 / 60, 18 / 59])
    assert windows_of(spoken((58, 76)), evidence_share=0.301)[0] == WINDOWS[2:]


def test_speech_before_the_grid_of_windows_gets_a_window():
    windows, shares = speech_windows(spoken((0, 20)), 7_000, N_SAMPLES, FRAMES)

    assert windows.tolist() == [[0, 16_000]]
    assert shares == pytest.approx([20 / 58])


def test_if_no_window_has_enough_speech_the_best_is_kept():
    windows, shares = windows_of(spoken((28, 38)))

    assert windows == WINDOWS[:1]  # 10 of 58 frames, the next one has 10 of 60
    assert shares == pytest.approx([10 / 58])


def test_no_speech_has_no_windows():
    windows, shares = speech_windows(spoken(), 0, N_SAMPLES, FRAMES)

    assert windows.shape == (0, 2)
    assert windows.dtype == np.int64
    assert shares.shape == (0,)
    assert speech_windows(np.empty(0, bool), 0, 300, FRAMES)[0].shape == (0, 2)


def test_a_block_shorter_than_a_window_is_one_window():
    windows, shares = speech_windows(np.ones(17, bool), 0, 5_000, FRAMES)

    assert (windows.tolist(), shares.tolist()) == ([[0, 5_000]], [1])


def sad_block(offset=1_000_000, length_s=24):
    samples = recording([(0, 1, 6), (1, 5, 9), (2, 11, 20)], length_s)
    probs, _ = FakeNetworks().speech_probs(samples, None)
    return SpeechBlock(offset, samples, probs, np.empty((0, 2), np.int64))


def found_in(block, frames=FRAMES):
    """The frame block of a block whose segmentation is that of a recording of its own."""
    alone = replace(block, offset=0)
    all_chunks = ChunkGrid(20_000, 1, 0)
    ((_, segmentation),) = segmented_blocks([alone], FakeNetworks().segment, all_chunks, 8)
    return frame_block(block, segmentation, frames)


def test_a_block_keeps_its_place_its_posteriors_and_its_speech():
    found = found_in(sad_block())

    assert (found.offset, found.n_samples) == (1_000_000, 24 * SECOND)
    assert found.segmentation.posteriors.shape == (13, 589, 7)
    assert found.segmentation.n_frames == len(found.speech) == 830 + 589  # from 14 s on
    edges = np.flatnonzero(np.diff(found.speech, prepend=False, append=False)) * 270 + 495
    assert edges / SECOND == pytest.approx([1, 9, 11, 20], abs=2 * 270 / SECOND)
    assert len(found.windows) == len(found.shares) > 0
    assert found.shares.min() >= 0.3
    assert found.windows.max() <= 24 * SECOND, "in samples from the start of the block"


@pytest.mark.parametrize(
    ("offset", "length_s", "first"),
    [(0, 24, 0), (8_000, 24, 0), (8_192, 24, 7_808), (7_680, 24, 320), (8_192, 1.4, 0)],
)
def test_windows_of_all_blocks_lie_on_one_grid_but_the_first_and_last(offset, length_s, first):
    samples = recording([(0, 0, length_s)], length_s)
    probs, _ = FakeNetworks().speech_probs(samples, None)
    found = found_in(SpeechBlock(offset, samples, probs, np.empty((0, 2), np.int64)))

    begins = found.windows[:, 0].tolist()
    assert begins[0] == 0
    if first:
        assert begins[1] == first
    if length_s > 2:
        assert {(begin + offset) % 8_000 for begin in begins[1:-1]} == {0}


@pytest.mark.parametrize(
    ("sad_prob", "least", "is_speech"),
    # odds of 99 by segmentation, of 1 to 199 and to 999 by SAD: 0.41 and 0.24 together
    [(0.005, 0.4, True), (0.005, 0.42, False), (0.0, 0.4, False), (0.0, 0.23, True)],
)
def test_speech_is_decided_by_segmentation_and_sad_together(sad_prob, least, is_speech):
    block = sad_block()
    probs = np.full_like(block.probs, sad_prob)
    doubtful = SpeechBlock(block.offset, block.samples, probs, block.segments)

    found = found_in(doubtful, FrameOptions(speech=least))
    assert found.speech.any() == is_speech
    assert not found.speech.all()


def test_a_block_keeps_the_solo_share_of_each_window():
    found = found_in(sad_block(offset=0))
    begins_s = found.windows[:, 0] / SECOND
    alone = found.solo[(begins_s > 1.1) & (begins_s < 3.9)]
    both = found.solo[(begins_s > 4.98) & (begins_s < 5.02)]

    assert alone == pytest.approx(np.full(5, 0.94), abs=1e-4), "as sure as the network"
    assert both == pytest.approx([0.01], abs=0.02)
    assert len(found.solo) == len(found.windows)
