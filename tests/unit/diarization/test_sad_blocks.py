"""Cutting a recording into blocks in silence.

The samples of these recordings are their own speech probabilities.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.arrays import samples_of
from diarization.options import SadOptions
from diarization.sad import FRAME_SAMPLES, quietest_frame, speech_blocks, whole_frames
from unit.seeded import seeded

SECOND = 16_000
SMALL = SadOptions(block_s=10.24, cut_search_s=4.096)  # 320 and 128 frames


class Detector:
    """A frame's first sample is its probability; the state is the number of frames so far."""

    def __init__(self):
        self.lengths = []

    def __call__(self, samples, state):
        seen = 0 if state is None else int(state[0])
        assert seen == sum(-(-length // FRAME_SAMPLES) for length in self.lengths)
        assert (state is None) == (not self.lengths)
        self.lengths.append(len(samples))
        probs = samples[::FRAME_SAMPLES].astype(np.float32)
        return probs, np.array([seen + len(probs)], np.float32)


def recording(*stretches):
    """Stretches of (probability, seconds), each of whole frames."""
    return np.concatenate(
        [
            np.full(round(seconds * SECOND / FRAME_SAMPLES) * FRAME_SAMPLES, prob, np.float32)
            for prob, seconds in stretches
        ]
    )


def cut(audio, detector, options):
    """Blocks of audio that arrives in stretches of any length."""
    stretches = whole_frames(audio, samples_of(options.block_s) // FRAME_SAMPLES)
    return list(speech_blocks(((each, each) for each in stretches), detector, options))


def blocks_of(audio, options=SMALL, detector=None):
    return cut([audio], detector or Detector(), options)


def segments_in_recording(blocks):
    return np.concatenate([block.segments + block.offset for block in blocks]).tolist()


def test_no_audio_has_no_blocks_and_calls_no_detector():
    detector = Detector()

    assert cut([], detector, SMALL) == []
    assert blocks_of(np.empty(0, np.float32), detector=detector) == []
    assert detector.lengths == []


def test_one_sample_is_one_block():
    (block,) = blocks_of(np.ones(1, np.float32))

    assert (block.offset, len(block.samples), len(block.segments)) == (0, 1, 0)


def test_a_short_recording_is_one_block():
    audio = recording((0, 1), (1, 2), (0, 1))
    (block,) = blocks_of(audio)

    assert block.samples.tolist() == audio.tolist()
    assert len(block.segments) == 1


@pytest.mark.parametrize("pieces", [[1], [512], [1000, 1, 7], [40_000]])
@pytest.mark.parametrize("n_samples", [0, 511, 512, 5120, 5121])
def test_whole_frames_are_the_same_audio_in_even_stretches(pieces, n_samples):
    audio = np.arange(n_samples, dtype=np.float32)
    edges = np.cumsum(pieces * 6000)
    parts = np.split(audio, edges[edges < n_samples])
    stretches = list(whole_frames(iter(parts), 2))

    assert np.concatenate([*stretches, np.empty(0)]).tolist() == audio.tolist()
    assert all(len(stretch) == 1024 for stretch in stretches[:-1])
    assert all(0 < len(stretch) <= 1024 for stretch in stretches)


@seeded(25)
@given(
    lengths=st.lists(st.integers(0, 120_000), max_size=8),
    block_s=st.floats(1, 12),
    share=st.floats(0.032, 0.9),
    seed=st.integers(0, 99),
)
def test_cutting_loses_no_sample_and_keeps_speech_inside(lengths, block_s, share, seed):
    audio = np.random.default_rng(seed).random(sum(lengths), np.float32)
    options = SadOptions(block_s=block_s, cut_search_s=block_s * share)
    parts = np.split(audio, np.cumsum(lengths)[:-1])
    blocks = cut(parts, Detector(), options)

    assert b"".join(block.samples.tobytes() for block in blocks) == audio.tobytes()
    assert [block.is_last for block in blocks] == [False] * (len(blocks) - 1) + [True] * bool(
        blocks
    )
    starts = np.cumsum([0] + [len(block.samples) for block in blocks])
    assert [block.offset for block in blocks] == starts[:-1].tolist()
    assert all(len(block.samples) > 0 for block in blocks)
    assert all((block.segments <= len(block.samples)).all() for block in blocks)


def test_every_sample_is_detected_once_in_whole_frames():
    detector = Detector()
    audio = np.zeros(60 * SECOND + 100, np.float32)
    blocks_of(audio, detector=detector)

    assert sum(detector.lengths) == len(audio)
    assert all(length % FRAME_SAMPLES == 0 for length in detector.lengths[:-1])


def test_segments_are_those_of_one_block_where_cuts_lie_in_silence():
    audio = recording(*[(0.95, 2.5), (0.01, 1.0)] * 15, (0.9, 0.5))
    blocks = blocks_of(audio)

    assert len(blocks) >= 5
    assert segments_in_recording(blocks) == segments_in_recording(blocks_of(audio, SadOptions()))


def test_the_detector_gets_the_same_audio_whatever_the_stretches():
    audio = recording(*[(0.95, 2.5), (0.01, 1.0)] * 10)
    parts = np.split(audio, np.arange(7001, len(audio), 7001))
    blocks = cut(parts, Detector(), SMALL)

    assert segments_in_recording(blocks) == segments_in_recording(blocks_of(audio))


def test_blocks_hold_the_probabilities_of_their_own_frames():
    audio = np.random.default_rng(0).random(40 * SECOND + 100, np.float32)
    blocks = blocks_of(audio)

    assert len(blocks) >= 4
    assert [block.probs.tolist() for block in blocks] == [
        block.samples[::FRAME_SAMPLES].tolist() for block in blocks
    ]
    assert sum(len(block.probs) for block in blocks) == -(-len(audio) // FRAME_SAMPLES)


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_speech_or_silence_without_a_pause_is_cut_too(prob):
    audio = recording((prob, 60))
    blocks = blocks_of(audio)
    lengths = [len(block.samples) for block in blocks]

    assert sum(lengths) == len(audio)
    assert all(6 * SECOND <= length <= 10.24 * SECOND for length in lengths[:-1])
    assert max(lengths) <= 10.24 * SECOND


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_the_last_block_is_marked_if_all_blocks_are_full(n_blocks):
    options = SadOptions(block_s=1.024, cut_search_s=0.032)
    audio = np.random.default_rng(0).random(n_blocks * 16_384, np.float32)
    blocks = cut([audio], Detector(), options)

    assert [block.is_last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    assert blocks[-1].end == len(audio)


@pytest.mark.parametrize("block_s", [10.0, 10.24, 9.99])
def test_blocks_are_no_longer_than_block_s(block_s):
    options = SadOptions(block_s=block_s, cut_search_s=1.0)
    blocks = blocks_of(recording((1, 60)), options)

    # what was left of one block and the next stretch of block_s are together in memory
    assert max(len(block.samples) for block in blocks) <= (block_s + 1.0) * SECOND


def test_a_cut_shorter_than_a_frame_keeps_segments_inside_the_block():
    options = SadOptions(block_s=10.0, cut_search_s=0.032)
    audio = np.ones(19 * SECOND + 16_100, np.float32)
    blocks = blocks_of(audio, options)

    assert sum(len(block.samples) for block in blocks) == len(audio)
    assert all((block.segments <= len(block.samples)).all() for block in blocks)


@pytest.mark.parametrize("pause_frames", [30, 16, 8, 6, 3])
@pytest.mark.parametrize("begin", [870, 900, 940])
def test_the_cut_lies_in_the_only_pause(pause_frames, begin):
    probs = np.full(1000, 0.95, np.float32)
    probs[begin : begin + pause_frames] = 0.02
    cut = quietest_frame(probs, 150)

    assert begin <= cut <= begin + pause_frames


def test_the_longer_of_two_pauses_is_chosen():
    probs = np.ones(1000, np.float32)
    probs[820:826] = 0
    probs[900:930] = 0

    assert 900 <= quietest_frame(probs, 250) <= 930


def test_pauses_outside_the_search_are_ignored():
    probs = np.ones(1000, np.float32)
    probs[100:400] = 0

    assert 900 <= quietest_frame(probs, 100) <= 1000


@pytest.mark.parametrize("n_frames", [1, 2, 3, 14, 15, 16, 100])
@pytest.mark.parametrize("n_search", [0, 1, 15, 1000])
@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_the_cut_is_never_at_the_start(n_frames, n_search, prob):
    cut = quietest_frame(np.full(n_frames, prob, np.float32), n_search)

    assert max(1, n_frames - n_search) <= cut <= n_frames
