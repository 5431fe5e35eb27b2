"""The steps of the full chain one by one, on blocks of two seconds that can be counted by hand.

Such a block has 117 frames and the windows 0-1 s, 0.5-1.5 s and 1-2 s, in which lie the centres of
the frames 0 ... 57, 28 ... 87 and 58 ... 116.
"""

import numpy as np
import pytest

from diarization.config import CallOptions, FrameOptions, Options, SpeakerBounds
from diarization.full import (
    FrameBlock,
    assign_turns,
    block_stretches,
    frame_block,
    speaker_centroids,
    speech_windows,
)
from diarization.sad import SpeechBlock
from diarization.segmentation import CHUNK_FRAMES, cut_chunks, segmentation_of
from diarization.turns import Turn
from unit.planted_recordings import SECOND, PlantedNetworks, recording

N_SAMPLES, N_FRAMES = 32_000, 117
WINDOWS = [[0, 16_000], [8_000, 24_000], [16_000, 32_000]]
FRAMES = FrameOptions()
ANY = SpeakerBounds()
NOBODY, A, B, C, AB = range(5)


def spoken(*stretches):
    speech = np.zeros(N_FRAMES, bool)
    for begin, end in stretches:
        speech[begin:end] = True
    return speech


def windows_of(speech, **options):
    windows, shares = speech_windows(speech, N_SAMPLES, FrameOptions(**options))
    assert len(windows) == len(shares)
    return windows.tolist(), shares


def block(offset=0, classes=((A, N_FRAMES),), **options):
    """A block with these classes for so many frames each; speech wherever it is not nobody's."""
    row = np.concatenate([[kind] * n_frames for kind, n_frames in classes])
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[0, np.arange(len(row)), row] = 1
    segmentation = segmentation_of(posteriors, np.array([0]), N_SAMPLES)
    speech = row != NOBODY
    windows, shares = speech_windows(speech, N_SAMPLES, FrameOptions(**options))
    return FrameBlock(offset, N_SAMPLES, segmentation, speech, windows, shares)


def turns_of(blocks, shares, speakers=ANY):
    return assign_turns(blocks, np.array(shares, np.float32), FRAMES, speakers)


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


def test_if_no_window_has_enough_speech_the_best_is_kept():
    windows, shares = windows_of(spoken((28, 38)))

    assert windows == WINDOWS[:1]  # 10 of 58 frames, the next one has 10 of 60
    assert shares == pytest.approx([10 / 58])


def test_no_speech_has_no_windows():
    windows, shares = speech_windows(spoken(), N_SAMPLES, FRAMES)

    assert windows.shape == (0, 2)
    assert windows.dtype == np.int64
    assert shares.shape == (0,)
    assert speech_windows(np.empty(0, bool), 300, FRAMES)[0].shape == (0, 2)


def test_a_block_shorter_than_a_window_is_one_window():
    windows, shares = speech_windows(np.ones(17, bool), 5_000, FRAMES)

    assert (windows.tolist(), shares.tolist()) == ([[0, 5_000]], [1])


def sad_block(offset=1_000_000, length_s=24):
    samples = recording([(0, 1, 6), (1, 5, 9), (2, 11, 20)], length_s)
    probs, _ = PlantedNetworks().speech_probs(samples, None)
    return SpeechBlock(offset, samples, probs, np.empty((0, 2), np.int64))


def test_a_block_keeps_its_place_its_posteriors_and_its_speech():
    block, models = sad_block(), PlantedNetworks()
    found = frame_block(block, models, Options())

    assert (found.offset, found.n_samples) == (1_000_000, 24 * SECOND)
    assert found.segmentation.posteriors.shape == (13, 589, 7)
    assert found.segmentation.n_frames == len(found.speech) == 830 + 589  # from 14 s on
    edges = np.flatnonzero(np.diff(found.speech, prepend=False, append=False)) * 270 + 495
    assert edges / SECOND == pytest.approx([1, 9, 11, 20], abs=2 * 270 / SECOND)
    assert len(found.windows) == len(found.shares) > 0
    assert found.shares.min() >= 0.3
    assert found.windows.max() <= 24 * SECOND, "in samples from the start of the block"


@pytest.mark.parametrize("at_once", [1, 4, 13, 20])
def test_chunks_of_a_block_are_segmented_in_order_so_many_at_once(at_once):
    block, models = sad_block(), PlantedNetworks()
    frame_block(block, models, Options(calls=CallOptions(chunks=at_once)))

    starts = np.append(np.arange(0, 14, 1.25), 14) * SECOND
    wanted = cut_chunks(block.samples, starts.astype(np.int64))
    assert np.array_equal(np.concatenate(models.chunk_batches), wanted)
    sizes = [len(batch) for batch in models.chunk_batches]
    assert sizes == [at_once] * (13 // at_once) + [13 % at_once] * (13 % at_once > 0)


def test_speech_is_where_segmentation_and_sad_together_say_so():
    block = sad_block()
    mute = SpeechBlock(block.offset, block.samples, 0 * block.probs, block.segments)

    # 0.94 / 2 reaches 0.45 but not 0.5
    assert frame_block(mute, PlantedNetworks(), Options(frames=FRAMES)).speech.any()
    strict = Options(frames=FrameOptions(speech=0.5))
    assert not frame_block(mute, PlantedNetworks(), strict).speech.any()


def test_centroids_are_those_of_the_windows_with_most_speech():
    unit = np.eye(4, dtype=np.float32)[[0, 0, 1, 3, 1, 0]]
    first, second = block(), block()
    shares = np.array([0.9, 0.5, 0.8]), np.array([0.49, 1.0, 0.5])
    blocks = [
        FrameBlock(0, N_SAMPLES, one.segmentation, one.speech, one.windows, share)
        for one, share in zip((first, second), shares, strict=True)
    ]

    found = speaker_centroids(blocks, unit, Options(), ANY)
    assert sorted(found.tolist()) == [[0, 1, 0, 0], [1, 0, 0, 0]], "the fourth window is left out"


def test_if_no_window_is_full_enough_the_fullest_are_clustered():
    unit = np.eye(3, dtype=np.float32)
    one = block()
    short = FrameBlock(
        0, N_SAMPLES, one.segmentation, one.speech, one.windows, np.array([0.31, 0.4, 0.4])
    )

    found = speaker_centroids([short], unit, Options(), ANY)
    assert sorted(found.tolist()) == [[0, 0, 1], [0, 1, 0]]


def test_the_distance_of_the_full_mode_decides_who_is_one_speaker():
    cosine = 0.42  # distance 0.58, between those of the two modes
    unit = np.array([[1, 0], [cosine, np.sqrt(1 - cosine**2)], [1, 0]], np.float32)

    assert len(speaker_centroids([block()], unit, Options(), ANY)) == 1
    nearer = Options(frames=FrameOptions(join_distance=0.55))
    assert len(speaker_centroids([block()], unit, nearer, ANY)) == 2


def test_speech_that_all_windows_give_to_one_is_one_turn():
    assert turns_of([block(16_000)], [[0.9, 0.1]] * 3) == [Turn(1.0, 3.0, 0)]


def test_two_local_speakers_are_the_two_whom_the_windows_hear_there():
    classes = ((A, 40), (AB, 20), (B, 57))
    found = block_stretches(
        block(1_000, classes), np.array([[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]], np.float32), FRAMES
    )

    # frame 40 is centred on 11295, frame 60 on 16695
    assert found == [(1_000, 17_695, 1), (12_295, 33_000, 0)]


@pytest.mark.parametrize(("window_weight", "speaker"), [(0.0, 0), (1.9, 0), (2.1, 1)])
def test_chunks_and_windows_are_weighed_against_each_other(window_weight, speaker):
    # the local speaker is 0 by most windows; in the last frames the windows say 1 by 0.75 to 0.25
    shares = np.array([[1, 0], [1, 0], [0.25, 0.75]], np.float32)
    found = block_stretches(block(), shares, FrameOptions(window_weight=window_weight))

    assert max(found, key=lambda stretch: stretch[1])[2] == speaker


def test_nobody_talks_outside_speech_and_a_silent_block_has_no_stretches():
    shares = [[0.9, 0.1]] * 2
    found = turns_of([block(classes=((NOBODY, 58), (A, 59)))], shares)
    silent = block(classes=((NOBODY, N_FRAMES),))

    assert found == [Turn((58 * 270 + 495) / SECOND, 2.0, 0)]
    assert block_stretches(silent, np.empty((0, 2), np.float32), FRAMES) == []
    assert len(silent.windows) == 0


def test_every_block_gets_the_windows_that_are_its_own():
    silent = block(32_000, classes=((NOBODY, N_FRAMES),))
    late = block(64_000, classes=((NOBODY, 58), (A, 59)))
    blocks = [block(0), silent, late, block(96_000)]
    shares = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 2 + [[0.7, 0.3]] * 3

    begin = (64_000 + 58 * 270 + 495) / SECOND
    assert turns_of(blocks, shares) == [Turn(0, 2, 0), Turn(begin, 6, 1), Turn(6, 8, 0)]


def test_a_turn_across_blocks_is_one():
    blocks = [block(0), block(32_000), block(64_000)]

    assert turns_of(blocks, [[0.6, 0.4]] * 9) == [Turn(0, 6, 0)]


NOWHERE_LIKELIEST = [[0.9, 0.1, 0.0], [0.7, 0.1, 0.2], [0.95, 0.0, 0.05]]


def test_who_is_nowhere_the_likeliest_is_left_out():
    assert turns_of([block()], NOWHERE_LIKELIEST) == [Turn(0, 2, 0)]
    assert turns_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(1, 3)) == [Turn(0, 2, 0)]


def test_who_wins_nowhere_gets_his_best_window_when_the_minimum_asks_for_him():
    found = turns_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(2, 3))

    assert found == [Turn(0, 2, 0), Turn(0.5, 1.5, 1)]  # 0.2 of the third is more than 0.1


def test_all_who_are_asked_for_get_a_turn():
    found = turns_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(3, 3))

    # the second one's best window is his first, and the turn there ends first
    assert found == [Turn(0, 1, 0), Turn(0, 2, 1), Turn(0.5, 1.5, 2)]


def test_the_best_window_of_all_blocks_is_taken():
    shares = [[0.9, 0.1]] * 3 + [[0.8, 0.2], [0.9, 0.1], [0.6, 0.4]]
    found = turns_of([block(0), block(48_000)], shares, SpeakerBounds(2, 2))

    assert found == [Turn(0, 2, 0), Turn(3, 5, 0), Turn(4, 5, 1)]


def test_no_more_are_added_than_there_are_clusters():
    assert turns_of([block()], [[1.0]] * 3, SpeakerBounds(4, 4)) == [Turn(0, 2, 0)]
