"""Blocks of audio -> the segmentation of each, by chunks on one grid over the whole recording.

A chunk at the border of two blocks counts for both, so how a recording is cut into blocks does not
change what is heard near their borders.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import Chunks, Posteriors, Samples
from .ports import Models
from .sad import SpeechBlock
from .segmentation import CHUNK_SAMPLES, Segmentation, chunk_starts, cut_chunks, segmentation_of

KEPT_AS = np.float16  # of posteriors, which all wait until the speakers are known


class Chunk(NamedTuple):
    """Posteriors of the 10 s from sample `start` of the recording on, shape=(589, 7)."""

    start: int
    posteriors: Posteriors


class Tail:
    """The last part of a recording that arrives bit by bit.

    Attributes
    ----------
    end
        Samples of the recording so far.
    """

    def __init__(self) -> None:
        self.end = 0
        self._samples: Samples = np.empty(0, np.float32)

    @property
    def start(self) -> int:
        """Where the part that is still there begins."""
        return self.end - len(self._samples)

    def add(self, samples: Samples) -> None:
        """Take what comes next."""
        self._samples = np.concatenate([self._samples, samples])
        self.end += len(samples)

    def forget(self, before: int) -> None:
        """Drop what lies before this sample of the recording."""
        self._samples = self._samples[max(0, before - self.start) :].copy()

    def chunks(self, starts: NDArray[np.int64], at_once: int) -> Iterator[Chunks]:
        """Chunks that start at these samples of the recording, in batches of about equal size."""
        for batch in np.array_split(starts - self.start, math.ceil(len(starts) / at_once)):
            yield cut_chunks(self._samples, batch)


def segmented_blocks(
    blocks: Iterable[SpeechBlock], models: Models, hop: int, at_once: int
) -> Iterator[tuple[SpeechBlock, Segmentation]]:
    """Every block with the posteriors of all chunks that touch it.

    A block is kept back until the chunks that reach into the next one are known.

    Parameters
    ----------
    blocks
        The recording without gaps.
    hop
        Distance of two chunks in samples, less than a chunk.
    at_once
        Chunks per batch.
    """
    tail, n_cut = Tail(), 0
    waiting: deque[SpeechBlock] = deque()
    chunks: list[Chunk] = []
    for block in blocks:
        waiting.append(block)
        tail.add(block.samples)
        # The last start is that of the chunk which ends with the audio, if the audio ends here.
        starts = chunk_starts(tail.end, hop)[n_cut : None if block.is_last else -1]
        if len(starts):
            answers = chain.from_iterable(models.segment(tail.chunks(starts, at_once)))
            chunks += [_kept(*each) for each in zip(starts.tolist(), answers, strict=True)]
        n_cut += len(starts)
        tail.forget((n_cut - 1) * hop)
        known = tail.end if block.is_last else tail.end - CHUNK_SAMPLES
        while waiting and waiting[0].end <= known:
            ready = waiting.popleft()
            yield ready, _segmentation(ready, chunks)
            chunks = [chunk for chunk in chunks if chunk.start + CHUNK_SAMPLES > ready.end]


def _kept(start: int, posteriors: Posteriors) -> Chunk:
    return Chunk(start, posteriors.astype(KEPT_AS))


def _segmentation(block: SpeechBlock, chunks: list[Chunk]) -> Segmentation:
    """Posteriors of the chunks that touch a block; none of `chunks` ends before it."""
    touching = [chunk for chunk in chunks if chunk.start < block.end]
    starts = np.array([chunk.start for chunk in touching], np.int64) - block.offset
    posteriors = np.stack([chunk.posteriors for chunk in touching])
    return segmentation_of(posteriors, starts, len(block.samples))
