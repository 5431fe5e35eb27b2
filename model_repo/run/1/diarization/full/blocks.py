"""Blocks of audio, segmented: where there is speech, and which windows to embed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Shares, SpeechProbs, Windows, samples_of
from ..options import FrameOptions, WindowOptions
from ..sad import SpeechBlock
from ..windows import subsegment
from .activity import speech_frames
from .segmentation import Segmentation, frames_within, speaker_count_of, speech_of


@dataclass(frozen=True)
class FrameBlock:
    """What is kept of a block until the speakers are known.

    Attributes
    ----------
    offset, n_samples
        Where the block begins in the recording, and its length.
    segmentation
        Posteriors of the chunks that touch it.
    expected_count
        shape=(n_frames,), expected number of speakers.
    speech
        shape=(n_frames,), whether there is speech.
    windows
        shape=(n, 2), in samples from the start of the block.
    shares
        shape=(n,), share of speech in each window.
    solo
        shape=(n,), share of each window in which one speaker talks alone.
    """

    offset: int
    n_samples: int
    segmentation: Segmentation
    expected_count: NDArray[np.float32]
    speech: NDArray[np.bool_]
    windows: Windows
    shares: Shares
    solo: Shares


def frame_block(block: SpeechBlock, segmentation: Segmentation, frames: FrameOptions) -> FrameBlock:
    """Decide where there is speech in a block, and choose the windows to embed."""
    n_samples = len(block.samples)
    speech = speech_in(segmentation, block.probs, frames)
    windows, shares = speech_windows(speech, grid_start(block, frames), n_samples, frames)
    solo = solo_shares(segmentation, windows)
    return FrameBlock(
        block.offset,
        n_samples,
        segmentation,
        speaker_count_of(segmentation),
        speech,
        windows,
        shares,
        solo,
    )


def speech_in(
    segmentation: Segmentation, sad_probs: SpeechProbs, frames: FrameOptions
) -> NDArray[np.bool_]:
    """Decide which frames of a segmentation are speech."""
    probs = speech_of(segmentation, sad_probs)
    return speech_frames(probs, frames.speech, frames.fill_s, frames.drop_s)


def grid_start(block: SpeechBlock, frames: FrameOptions) -> int:
    """Where the grid of windows begins in a block; all blocks share one grid if windows fit.

    So the cuts between blocks hardly change which windows there are.
    """
    start = -block.offset % samples_of(frames.window_hop_s)
    fits = start + samples_of(frames.window_s) <= len(block.samples)
    return start if fits else 0


def speech_windows(
    speech: NDArray[np.bool_], start: int, n_samples: int, frames: FrameOptions
) -> tuple[Windows, Shares]:
    """Windows with enough speech, and the share of it in each; the best ones if none has enough.

    Parameters
    ----------
    speech
        shape=(n_frames,), whether there is speech.
    start, n_samples
        Where the grid of windows begins, and the length of the block, in samples; further windows
        begin with the block and end with it.
    """
    if not speech.any():
        return np.empty((0, 2), np.int64), np.empty(0)
    whole = np.array([[start, n_samples]], np.int64)
    windows = subsegment(whole, WindowOptions(frames.window_s, frames.window_hop_s))
    if start:
        windows = np.concatenate([[[0, samples_of(frames.window_s)]], windows])
    shares = speech_shares(speech, windows)
    wanted = shares >= min(frames.evidence_share, shares.max())
    return windows[wanted], shares[wanted]


def speech_shares(speech: NDArray[np.bool_], windows: Windows) -> Shares:
    """Share of speech in each window; parameters as of `speech_windows` and `solo_shares`."""
    spoken = np.concatenate([[0], np.cumsum(speech)])
    first, last = frames_within(windows, len(speech))
    shares: Shares = (spoken[last] - spoken[first]) / np.maximum(last - first, 1)
    return shares


def solo_shares(segmentation: Segmentation, windows: Windows) -> Shares:
    """Share of each window in which one and the same speaker talks alone.

    Parameters
    ----------
    windows
        shape=(n, 2), samples from the start of the block; sorted.

    Returns
    -------
    Shares
        Mean over the chunks that hold the whole window; 0 where none does.
    """
    first, last = frames_within(windows, segmentation.n_frames)
    shares, n_chunks = np.zeros(len(windows)), np.zeros(len(windows))
    for frames, posteriors in segmentation.overlaps():
        inside = (first >= frames.start) & (last <= frames.stop)
        begins, ends = first[inside] - frames.start, last[inside] - frames.start
        alone = np.concatenate([np.zeros((1, 3)), np.cumsum(posteriors[:, 1:4], axis=0)])
        lengths = np.maximum(ends - begins, 1)[:, None]
        shares[inside] += ((alone[ends] - alone[begins]) / lengths).max(axis=1)
        n_chunks[inside] += 1
    return shares / np.maximum(n_chunks, 1)
