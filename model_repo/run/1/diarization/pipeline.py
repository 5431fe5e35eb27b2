"""Diarization: a recording in, turns out.

Both pipelines start alike: blocks of audio with their speech (`sad`), windows of speech
(`windows`) with their features (`fbank`), an embedding of each window (`Models.embed`), clusters of
embeddings (`clustering`). `diarize_classic` labels each window with its likeliest speaker;
`diarize_full` decides frame by frame who talks, overlapping speech included, with the steps in
the folder `full`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import (
    Chunks,
    Embeddings,
    Features,
    Posteriors,
    SadState,
    Samples,
    SpeechProbs,
    Windows,
    samples_of,
)
from .channels import SEPARATE, joined, selections
from .clustering import centroids_of, closeness, cluster, unit_length, unlike_share
from .fbank import FRAME_LENGTH, FRAME_SHIFT, fbank
from .full.assignment import assign_turns
from .full.blocks import FrameBlock, frame_block
from .full.segmentation import ChunkGrid, Known, segmented_blocks
from .full.speakers import heard_in, speaker_centroids
from .measurements import Stopwatch
from .options import Options
from .recording import Recording
from .request import RequestOptions
from .sad import SpeechBlock, leveled_stretches, one_ahead, speech_blocks
from .spectral import fill_empty
from .turns import NO_SPEECH, Diarization, diarization_of, turns_of
from .windows import WindowPlan, subsegment, window_batches


class Models(Protocol):
    """The neural networks and their features, wherever they are computed.

    `segment` and `embed` answer batch by batch, in order; they take further batches from the
    iterable while earlier answers are pending.
    """

    def speech_probs(self, samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        """Speech probability per frame of 512 samples, and the detector's state after them."""

    def segment(self, batches: Iterable[Chunks]) -> Iterator[Posteriors]:
        """Probabilities of the powerset classes for every chunk."""

    def fbank(self, samples: Samples, window_type: str) -> Features:
        """Features of a block, as `fbank.fbank` computes them."""

    def embed(self, batches: Iterable[Features]) -> Iterator[Embeddings]:
        """Embedding of every window."""


def diarize_recording(
    recording: Recording,
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
) -> Diarization:
    """Find out who spoke when, in the selected channels; other parameters as in `diarize`.

    Separate channels are processed one after another, so memory is that of one channel.
    """
    found = [
        diarize(recording.blocks(selection), models, options, asked, stopwatch)
        for selection in selections(asked.channels, recording.n_channels)
    ]
    return joined(found) if asked.channels == SEPARATE else found[0]


def diarize(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
) -> Diarization:
    """Find out who spoke when in one signal.

    Audio is processed block by block. Of the whole recording only windows, their embeddings and, in
    the full mode, the segmentation's posteriors are kept.

    Parameters
    ----------
    audio
        Consecutive stretches of any length, 16 kHz mono.
    models
        The neural networks.
    asked
        Mode, allowed number of speakers, and whether speakers may overlap.
    stopwatch
        Entered with the name of each stage that runs in this process, to time it.
    """
    pipeline = diarize_full if asked.mode == "full" else diarize_classic
    return pipeline(audio, models, options, asked, stopwatch)


def diarize_classic(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch,
) -> Diarization:
    """Find out who spoke when, one speaker at a time; parameters as in `diarize`."""
    windows: list[Windows] = []
    plan = WindowPlan(options.window.length_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        for block in speech_ahead(audio, models, options):
            cut = subsegment(block.segments, options.window)
            for batch in window_batches(block.samples, cut, plan, models.fbank, stopwatch):
                windows.append(batch.windows + block.offset)
                yield batch.features

    embeddings = list(models.embed(features()))
    if not embeddings:
        return NO_SPEECH
    with stopwatch("cluster"):
        unit = unit_length(np.concatenate(embeddings))
        centroids = centroids_of(unit, cluster(unit, asked.speakers, options.cluster))
        shares = closeness(unit, centroids, options.cluster.sharpness)
        labels = shares.argmax(axis=1)
        if len(np.unique(labels)) < asked.speakers.minimum:
            labels = fill_empty(labels, len(centroids))
    confidence = shares[np.arange(len(labels)), labels].astype(np.float64)
    turns = turns_of(np.concatenate(windows), labels, confidence)
    unlike = unlike_share(unit, centroids, np.ones(len(unit)), options.cluster.stranger_similarity)
    return diarization_of(turns, centroids, len(labels), unlike)


def diarize_full(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch,
) -> Diarization:
    """Find out who spoke when, overlapping speech included; parameters as in `diarize`.

    Segmentation of overlapping chunks finds speech, overlap and borders; embeddings of short
    windows identify the speakers; `full.assignment` combines both.
    """
    blocks, embeddings = embedded_blocks(audio, models, options, stopwatch)
    if not embeddings:
        return NO_SPEECH
    return resolved(blocks, np.concatenate(embeddings), options, asked, stopwatch)


def resolved(
    blocks: list[FrameBlock],
    embeddings: Embeddings,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch,
) -> Diarization:
    """Find the speakers of the recording, and when each of them talks.

    Parameters
    ----------
    blocks
        The segmented recording.
    embeddings
        shape=(n >= 1, dim), of the windows of all blocks in order.
    """
    frames = options.frames
    heard = heard_in(blocks)
    with stopwatch("cluster"):
        unit = unit_length(embeddings)
        centroids = speaker_centroids(heard, unit, options, asked.speakers)
    with stopwatch("assign"):
        shares = closeness(unit, centroids, options.cluster.sharpness)
        turns = assign_turns(blocks, shares, frames, asked)
    talking = sorted({turn.label for turn in turns})
    unlike = unlike_share(unit, centroids[talking], heard.solo, frames.stranger_similarity)
    return diarization_of(turns, centroids, len(unit), unlike)


def embedded_blocks(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
    wanted: Callable[[Windows], NDArray[np.bool_]] = lambda windows: np.ones(len(windows), bool),
    known: Known = lambda _start: None,
) -> tuple[list[FrameBlock], list[Embeddings]]:
    """Segment the recording; return its blocks, and the embeddings of their windows in batches.

    `wanted` says which windows, in samples of the recording, are to be embedded; `known` is that of
    `segmented_blocks`.
    """
    blocks: list[FrameBlock] = []
    frames = options.frames
    plan = WindowPlan(frames.window_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        with_speech = speech_ahead(audio, models, options)
        grid = ChunkGrid(samples_of(frames.chunk_hop_s), frames.chunk_stride, frames.overlap_share)
        for block, segmentation in segmented_blocks(
            with_speech, models.segment, grid, options.calls.chunks, known
        ):
            with stopwatch("segment"):
                blocks.append(frame_block(block, segmentation, frames))
            windows = blocks[-1].windows
            windows = windows[wanted(windows + block.offset)]
            start = -block.offset % FRAME_SHIFT  # features of all blocks lie on one grid
            aligned = windows - np.minimum(windows[:, :1], start)
            samples = block.samples[start:]
            for batch in window_batches(samples, aligned, plan, models.fbank, stopwatch):
                yield batch.features

    return blocks, list(models.embed(features()))


def speech_ahead(
    audio: Iterable[Samples], models: Models, options: Options
) -> Iterator[SpeechBlock]:
    """Blocks of the recording with their speech, each prepared while the one before is in use."""
    stretches = leveled_stretches(audio, options.sad.level_s)
    return one_ahead(speech_blocks(stretches, models.speech_probs, options.sad))


def warm_up(options: Options) -> None:
    """Run every stage of this process once, so that the first request is as fast as the next."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4 * options.cluster.few_windows, 8)).astype(np.float32)
    fbank(np.zeros(FRAME_LENGTH, np.float32), options.window.analysis)
    cluster(noise, options.speakers, options.cluster)
