"""Blocks of two seconds that can be counted by hand.

Such a block has 117 frames and the windows 0-1 s, 0.5-1.5 s and 1-2 s, which hold the centres of
the frames 0 ... 57, 28 ... 87 and 58 ... 116. Frame i reaches from sample 270 i + 360 to the next.
"""

import numpy as np

from diarization.full.blocks import FrameBlock, solo_shares, speech_windows
from diarization.full.segmentation import CHUNK_FRAMES, segmentation_of, speaker_count_of
from diarization.options import FrameOptions

N_SAMPLES, N_FRAMES = 32_000, 117
WINDOWS = [[0, 16_000], [8_000, 24_000], [16_000, 32_000]]
SILENCE, A, B, C, AB, AC, BC = range(7)


def edge_s(frame):
    """Where a frame begins, in seconds from the start of its block."""
    return (270 * frame + 360) / 16_000


def segmentation(*classes):
    """One chunk of these (class, number of frames), with probability 1."""
    row = np.repeat(*np.transpose(classes))
    posteriors = np.zeros((1, CHUNK_FRAMES, 7), np.float32)
    posteriors[0, np.arange(len(row)), row] = 1
    return segmentation_of(posteriors, np.array([0]), N_SAMPLES)


def block(offset=0, classes=((A, N_FRAMES),)):
    """A block of these (class, number of frames); all frames but those of SILENCE are speech."""
    chunk = segmentation(*classes)
    speech = chunk.posteriors[0, :N_FRAMES, SILENCE] == 0
    windows, shares = speech_windows(speech, 0, N_SAMPLES, FrameOptions())
    solo = solo_shares(chunk, windows)
    count = speaker_count_of(chunk)
    return FrameBlock(offset, N_SAMPLES, chunk, count, speech, windows, shares, solo)
