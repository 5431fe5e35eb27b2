"""The full chain: who talks is decided frame by frame, overlapping speech included.

Segmentation of overlapping chunks tells speech, overlap and borders; embeddings of short windows
tell the speakers; `assignment` brings both together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .activity import Stretch, activity_stretches, decide, joined_turns, speech_frames
from .arrays import Embeddings, Features, Samples, Windows, samples_of
from .assignment import Evidence, chunk_evidence, closeness, window_evidence
from .batches import WindowPlan, window_batches
from .clustering import centroids_of, cluster, unit_length
from .config import FrameOptions, Options, SpeakerBounds, WindowOptions
from .ports import Models, Stopwatch
from .sad import SpeechBlock, speech_blocks
from .segmentation import (
    Segmentation,
    chunk_starts,
    cut_chunks,
    frame_centres,
    segmentation_of,
    speaker_count_of,
    speech_of,
)
from .turns import Turn
from .windows import subsegment


@dataclass(frozen=True)
class FrameBlock:
    """What is kept of a block until the speakers are known.

    Attributes
    ----------
    offset, n_samples
        Where the block begins in the recording, and its length.
    segmentation
        Posteriors of its chunks.
    speech
        shape=(n_frames,), whether anybody talks.
    windows
        shape=(n, 2), in samples from the start of the block.
    shares
        shape=(n,), share of speech in each window.
    """

    offset: int
    n_samples: int
    segmentation: Segmentation
    speech: NDArray[np.bool_]
    windows: Windows
    shares: NDArray[np.float64]


def diarize_full(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    speakers: SpeakerBounds,
    stopwatch: Stopwatch,
) -> tuple[list[Turn], int]:
    """Turns and the number of windows; parameters as `pipeline.diarize`."""
    blocks: list[FrameBlock] = []
    frames = options.frames
    plan = WindowPlan(frames.window_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        for block in speech_blocks(audio, models.speech_probs, options.sad):
            blocks.append(frame_block(block, models, options))
            for batch in window_batches(block.samples, blocks[-1].windows, plan, stopwatch):
                yield batch.features

    embeddings = list(models.embed(features()))
    if not embeddings:
        return [], 0
    with stopwatch("cluster"):
        unit = unit_length(np.concatenate(embeddings))
        centroids = speaker_centroids(blocks, unit, options, speakers)
    with stopwatch("assign"):
        turns = assign_turns(blocks, closeness(unit, centroids, frames.sharpness), frames, speakers)
    return turns, len(unit)


def frame_block(block: SpeechBlock, models: Models, options: Options) -> FrameBlock:
    """Segment a block, decide where there is speech, and choose the windows to listen to."""
    frames, n_samples = options.frames, len(block.samples)
    starts = chunk_starts(n_samples, samples_of(frames.chunk_hop_s))
    at_once = options.calls.chunks
    batches = (
        cut_chunks(block.samples, starts[first : first + at_once])
        for first in range(0, len(starts), at_once)
    )
    posteriors = np.concatenate(list(models.segment(batches)))
    segmentation = segmentation_of(posteriors, starts, n_samples)
    probs = speech_of(segmentation, block.probs)
    speech = speech_frames(probs, frames.speech, frames.fill_s, frames.drop_s)
    windows, shares = speech_windows(speech, n_samples, frames)
    return FrameBlock(block.offset, n_samples, segmentation, speech, windows, shares)


def speech_windows(
    speech: NDArray[np.bool_], n_samples: int, frames: FrameOptions
) -> tuple[Windows, NDArray[np.float64]]:
    """Windows with enough speech, and the share of it in each; the best ones if none has enough."""
    if not speech.any():
        return np.empty((0, 2), np.int64), np.empty(0)
    whole = np.array([[0, n_samples]], np.int64)
    windows = subsegment(whole, WindowOptions(frames.window_s, frames.window_hop_s))
    spoken = np.concatenate([[0], np.cumsum(speech)])
    first, last = np.searchsorted(frame_centres(len(speech)), windows.T)
    shares = (spoken[last] - spoken[first]) / np.maximum(last - first, 1)
    wanted = shares >= min(frames.evidence_share, shares.max())
    return windows[wanted], shares[wanted]


def speaker_centroids(
    blocks: list[FrameBlock], unit: Embeddings, options: Options, speakers: SpeakerBounds
) -> Embeddings:
    """Cluster the windows with most speech; mean direction of each cluster, one row each."""
    shares = np.concatenate([block.shares for block in blocks])
    clustered = unit[shares >= min(options.frames.cluster_share, shares.max())]
    rules = replace(options.cluster, join_distance=options.frames.join_distance)
    return centroids_of(clustered, cluster(clustered, speakers, rules))


def assign_turns(
    blocks: list[FrameBlock], shares: Evidence, frames: FrameOptions, speakers: SpeakerBounds
) -> list[Turn]:
    """Turns of the whole recording.

    Parameters
    ----------
    shares
        shape=(n_windows, n_speakers) for the windows of all blocks in order.
    speakers
        A cluster that is nowhere the likeliest is left out, unless fewer than the least allowed
        number of speakers would remain: it then gets its best window.
    """
    stretches: list[Stretch] = []
    best: list[tuple[float, Stretch]] = []
    for block, own in zip(blocks, _rows_by_block(blocks, shares), strict=True):
        stretches += block_stretches(block, own, frames)
        for speaker in range(shares.shape[1]) if len(own) else ():
            window = int(own[:, speaker].argmax())
            begin, end = (block.windows[window] + block.offset).tolist()
            best.append((float(own[window, speaker]), (begin, end, speaker)))
    heard = {speaker for _, _, speaker in stretches}
    for _, stretch in sorted(best, reverse=True):
        if len(heard) < speakers.minimum and stretch[2] not in heard:
            stretches.append(stretch)
            heard.add(stretch[2])
    return joined_turns(stretches)


def block_stretches(block: FrameBlock, shares: Evidence, frames: FrameOptions) -> list[Stretch]:
    """Stretches of every speaker in one block."""
    if not block.speech.any():
        return []
    reach = samples_of(frames.reach_s)
    by_windows = window_evidence(block.windows, shares, len(block.speech), reach)
    by_chunks = chunk_evidence(block.segmentation, by_windows, frames)
    evidence = by_chunks + frames.window_weight * by_windows
    active = decide(evidence, speaker_count_of(block.segmentation), block.speech)
    return activity_stretches(active, block.offset, block.n_samples, frames.turn_fill_s)


def _rows_by_block(blocks: list[FrameBlock], rows: Evidence) -> list[Evidence]:
    return np.split(rows, np.cumsum([len(block.windows) for block in blocks])[:-1])
