"""The full chain: who talks is decided frame by frame, overlapping speech included.

Segmentation of overlapping chunks tells speech, overlap and borders; embeddings of short windows
tell the speakers; `assignment` brings both together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from .activity import (
    Stretch,
    activity_stretches,
    cut_out,
    decide,
    joined_turns,
    one_at_a_time,
    pauses_filled,
    without_blips,
)
from .arrays import Embeddings, Evidence, Features, Samples, samples_of
from .assignment import chunk_evidence, window_evidence
from .batches import WindowPlan, window_batches
from .chunks import segmented_blocks
from .clustering import (
    centroids_of,
    closeness,
    cluster,
    cut_once_more,
    odd_windows,
    unit_length,
)
from .config import Options
from .frame_blocks import FrameBlock, frame_block
from .level import leveled_blocks
from .ports import Models, Stopwatch
from .request import RequestOptions
from .segmentation import frames_of
from .stage_options import FrameOptions, SpeakerBounds
from .strangers import strangers, unlike_share
from .turns import NOBODY, Diarization, Turn, diarization_of

TWO_AT_ONCE = 1.5  # expected number of people who talk
SURE_OVERLAP_S = 1.0  # so much overlap is no accident ...
SURE_OVERLAP_SHARE = 0.02  # ... if it is this share of speech too


def diarize_full(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch,
) -> Diarization:
    """Who spoke when; parameters as `pipeline.diarize`."""
    blocks: list[FrameBlock] = []
    frames = options.frames
    plan = WindowPlan(frames.window_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        spoken = leveled_blocks(audio, models.speech_probs, options.sad)
        hop = samples_of(frames.chunk_hop_s)
        for block, segmentation in segmented_blocks(spoken, models, hop, options.calls.chunks):
            with stopwatch("segment"):
                blocks.append(frame_block(block, segmentation, frames))
            for batch in window_batches(block.samples, blocks[-1].windows, plan, stopwatch):
                yield batch.features

    embeddings = list(models.embed(features()))
    if not embeddings:
        return NOBODY
    with stopwatch("cluster"):
        unit = unit_length(np.concatenate(embeddings))
        centroids = speaker_centroids(blocks, unit, options, asked.speakers)
    with stopwatch("assign"):
        shares = closeness(unit, centroids, options.cluster.sharpness)
        turns = assign_turns(blocks, shares, frames, asked)
    solo = np.concatenate([block.solo for block in blocks])
    spoken = sorted({turn.label for turn in turns})
    unlike = unlike_share(unit, centroids[spoken], solo, frames.stranger_similarity)
    return diarization_of(turns, centroids, len(unit), unlike)


def speaker_centroids(
    blocks: list[FrameBlock], unit: Embeddings, options: Options, speakers: SpeakerBounds
) -> Embeddings:
    """Mean directions of the windows of each speaker, found by clustering or as a stranger."""
    frames = options.frames
    shares = np.concatenate([block.shares for block in blocks])
    clustered = unit[shares >= min(frames.cluster_share, shares.max())]
    solo = np.concatenate([block.solo for block in blocks])
    rules = replace(options.cluster, join_distance=frames.join_distance)
    bounds = bounds_with_overlap(blocks, SpeakerBounds(1, speakers.maximum))
    labels = cluster(clustered, bounds, rules)
    found = centroids_of(clustered, labels)
    heard = np.concatenate([found, strangers(unit, found, solo, frames, speakers.maximum)])
    n_wanted = min(speakers.minimum, len(clustered))
    if len(heard) >= n_wanted:
        return heard
    if len(heard) == len(found):
        cut = cut_once_more(clustered, n_wanted, rules)
        if cut is not None:
            return centroids_of(clustered, cut)
    alike = (clustered @ heard.T).max(axis=1)
    odd = odd_windows(clustered, labels, alike, n_wanted - len(heard))
    return np.concatenate([heard, clustered[odd]])


def bounds_with_overlap(blocks: list[FrameBlock], speakers: SpeakerBounds) -> SpeakerBounds:
    """Bounds that hold at least two speakers where two are heard at once."""
    n_speech = sum(int(block.speech.sum()) for block in blocks)
    n_overlap = sum(
        int((block.expected_count[block.speech] >= TWO_AT_ONCE).sum()) for block in blocks
    )
    if n_overlap < max(frames_of(SURE_OVERLAP_S), SURE_OVERLAP_SHARE * n_speech):
        return speakers
    return replace(speakers, minimum=min(max(speakers.minimum, 2), speakers.maximum))


def assign_turns(
    blocks: list[FrameBlock], shares: Evidence, frames: FrameOptions, asked: RequestOptions
) -> list[Turn]:
    """Turns of the whole recording; labels are columns of `shares`.

    Parameters
    ----------
    shares
        shape=(n_windows, n_speakers) for the windows of all blocks in order.
    asked
        A cluster that is nowhere the likeliest is left out, unless fewer than the least allowed
        number of speakers would remain: it then gets the middle of its best window.
    """
    by_block = np.split(shares, np.cumsum([len(block.windows) for block in blocks])[:-1])
    stretches = [
        stretch
        for block, own in zip(blocks, by_block, strict=True)
        for stretch in block_stretches(block, own, frames, asked.exclusive)
    ]
    if len(speakers_in(stretches)) < asked.speakers.minimum:
        middle = samples_of(frames.window_hop_s)
        own = [middle_of(window, middle) for window in best_windows(blocks, shares)]
        stretches = with_so_many(stretches, own, asked)
    return joined_turns(stretches)


def with_so_many(
    stretches: list[Stretch], own: list[Stretch], asked: RequestOptions
) -> list[Stretch]:
    """Stretches of at least as many speakers as asked for: those left out get their own window."""
    while len(heard := speakers_in(stretches)) < asked.speakers.minimum:
        missing = next((window for window in own if window.speaker not in heard), None)
        if missing is None:
            break
        if asked.exclusive:
            stretches = cut_out(stretches, missing.begin, missing.end)
        stretches = [*stretches, missing]
    return stretches


def speakers_in(stretches: list[Stretch]) -> set[int]:
    """Numbers of the speakers who have a stretch."""
    return {stretch.speaker for stretch in stretches}


def best_windows(blocks: list[FrameBlock], shares: Evidence) -> list[Stretch]:
    """A window of their own for all speakers, the one that speaks most for each; surest first."""
    windows = np.concatenate([block.windows + block.offset for block in blocks])
    best = [
        Stretch(
            int(windows[row, 0]), int(windows[row, 1]), int(speaker), float(shares[row, speaker])
        )
        for row, speaker in zip(*linear_sum_assignment(-shares), strict=True)
    ]
    return sorted(best, key=lambda stretch: -stretch.confidence)


def middle_of(stretch: Stretch, n_samples: int) -> Stretch:
    """The middle part of a stretch; all of it where that is shorter."""
    margin = max(0, stretch.end - stretch.begin - n_samples) // 2
    return stretch._replace(begin=stretch.begin + margin, end=stretch.end - margin)


def block_stretches(
    block: FrameBlock, shares: Evidence, frames: FrameOptions, exclusive: bool
) -> list[Stretch]:
    """Stretches of every speaker in one block, at most one speaker at a time if `exclusive`."""
    if not block.speech.any():
        return []
    reach = samples_of(frames.reach_s)
    by_windows = window_evidence(block.windows, shares, len(block.speech), reach)
    by_chunks = chunk_evidence(block.segmentation, by_windows, frames)
    evidence = (by_chunks + frames.window_weight * by_windows) / (1 + frames.window_weight)
    most = 1 if exclusive else np.inf
    active = decide(evidence, np.minimum(block.expected_count, most), block.speech)
    active = without_blips(active, evidence, frames_of(frames.least_turn_s))
    active = pauses_filled(active, frames_of(frames.turn_fill_s))
    if exclusive:
        active = one_at_a_time(active, evidence)
    return activity_stretches(active, evidence, block.offset, block.n_samples)
