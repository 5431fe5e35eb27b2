"""The whole of diarization on one screen: blocks of audio in, turns out."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .arrays import Embeddings, Features, Samples, SpeechProbs, Windows, samples_of
from .clustering import cluster
from .config import Options, SpeakerBounds
from .fbank import FRAME_LENGTH, fbank, n_frames_of, window_features
from .sad import SpeechBlock, State, speech_blocks
from .turns import Turn, turns_of
from .windows import subsegment

Stopwatch = Callable[[str], AbstractContextManager[None]]


class Models(Protocol):
    """The neural networks, wherever they run."""

    def speech_probs(self, samples: Samples, state: State) -> tuple[SpeechProbs, State]:
        """Speech probability per frame of 512 samples, and the detector's state after them."""

    def embed(self, batches: Iterable["WindowBatch"]) -> Iterator[tuple["WindowBatch", Embeddings]]:
        """Every batch, in order, with the embeddings of its windows.

        Batches are taken from the iterable when there is room for them.
        """


@dataclass(frozen=True)
class WindowBatch:
    """Windows that go to the speaker model together.

    Attributes
    ----------
    windows
        shape=(n, 2), in samples from the start of the recording.
    features
        shape=(n, n_frames, 80).
    """

    windows: Windows
    features: Features


@dataclass(frozen=True)
class Diarization:
    """Who spoke when, and how it was found."""

    turns: list[Turn]
    n_speakers: int
    n_windows: int


def diarize(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    speakers: SpeakerBounds,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
) -> Diarization:
    """Find out who spoke when.

    Audio is taken block by block; windows and their embeddings are all that is kept of the whole
    recording.

    Parameters
    ----------
    audio
        The recording in stretches of any length, 16 kHz mono.
    models
        The neural networks.
    speakers
        Allowed number of speakers.
    stopwatch
        Entered with the name of each stage of this process, so that the caller can time them.
    """
    blocks = speech_blocks(audio, models.speech_probs, options.sad)
    batches = (batch for block in blocks for batch in window_batches(block, options, stopwatch))
    windows, embeddings = [np.empty((0, 2), np.int64)], []
    for batch, vectors in models.embed(batches):
        windows.append(batch.windows)
        embeddings.append(vectors)
    with stopwatch("cluster"):
        labels = cluster(
            np.concatenate(embeddings or [np.empty((0, 1), np.float32)]), speakers, options.cluster
        )
    turns = turns_of(np.concatenate(windows), labels)
    return Diarization(turns, n_speakers=len({turn.label for turn in turns}), n_windows=len(labels))


def window_batches(
    block: SpeechBlock, options: Options, stopwatch: Stopwatch
) -> Iterator[WindowBatch]:
    """Windows of a block with their features, `calls.windows` at a time."""
    windows = subsegment(block.segments, options.window)
    if len(windows) == 0:
        return
    with stopwatch("fbank"):
        features = fbank(block.samples, options.window.analysis)
    n_frames = n_frames_of(samples_of(options.window.length_s))
    for first in range(0, len(windows), options.calls.windows):
        chosen = windows[first : first + options.calls.windows]
        with stopwatch("fbank"):
            batch = WindowBatch(chosen + block.offset, window_features(features, chosen, n_frames))
        yield batch


def warm_up(options: Options) -> None:
    """Use every stage of this process once, so that the first request is as fast as the next."""
    noise = (
        np.random.default_rng(0)
        .standard_normal((4 * options.cluster.few_windows, 8))
        .astype(np.float32)
    )
    fbank(np.zeros(FRAME_LENGTH, np.float32), options.window.analysis)
    cluster(noise, options.speakers, options.cluster)
