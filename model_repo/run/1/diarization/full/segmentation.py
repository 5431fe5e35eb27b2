"""Powerset segmentation of overlapping 10 s chunks -> how likely speech, and how many speakers.

For each frame of a chunk the network says which of up to three speakers talk, at most two at a
time: seven classes. Speakers are numbered per chunk; `assignment` joins them. The chunks lie on one
grid over the whole recording, dense where people talk over each other and sparse elsewhere. A chunk
at the border of two blocks counts for both, so the cuts between blocks do not change the result
near them.

Source: Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization"
(2023); frame geometry of pyannote's segmentation-3.0.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import SAMPLE_RATE_HZ, Chunks, Posteriors, Samples, SpeechProbs, Windows
from ..sad import FRAME_SAMPLES as SAD_FRAME_SAMPLES
from ..sad import SpeechBlock

CHUNK_SAMPLES = 160_000
CHUNK_FRAMES = 589
FRAME_SHIFT = 270
LEAST_DOUBT = np.float32(0.001)  # least probability of either side, so that no net decides alone
FIRST_CENTRE = 495  # middle of the 991 samples that frame 0 sees
POWERSET = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32
)
"""shape=(7 classes, 3 speakers), 1 where the speaker talks in the class."""
OVERLAPPED = (POWERSET.sum(axis=1) > 1).astype(np.float32)
KEPT_AS = np.float16  # posteriors are kept until the speakers are known

Segmenter = Callable[[Iterable[Chunks]], Iterator[Posteriors]]
Known = Callable[[int], Posteriors | None]  # of the chunk that starts at a sample


@dataclass(frozen=True)
class Segmentation:
    """Posteriors of the chunks that touch a block, on the block's frames.

    Attributes
    ----------
    first_frames
        shape=(n_chunks,), the block's frame with which each chunk begins; below 0 where the chunk
        begins before the block.
    posteriors
        shape=(n_chunks, 589, 7).
    n_frames
        Frames of the block; frame i is centred on sample 270 i + 495.
    """

    first_frames: NDArray[np.int64]
    posteriors: Posteriors
    n_frames: int

    def covered(self) -> Iterator[tuple[slice, Posteriors]]:
        """Frames of the block that a chunk covers, and its posteriors there as they are kept."""
        for first, posteriors in zip(self.first_frames.tolist(), self.posteriors, strict=True):
            frames = slice(max(first, 0), min(first + CHUNK_FRAMES, self.n_frames))
            if frames.start < frames.stop:
                yield frames, posteriors[frames.start - first : frames.stop - first]

    def overlaps(self) -> Iterator[tuple[slice, Posteriors]]:
        """Frames of the block that a chunk covers, and its posteriors there in float32."""
        for frames, posteriors in self.covered():
            yield frames, posteriors.astype(np.float32, copy=False)

    def mean(self, per_frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean over the covering chunks of what each class means, shape=(n_frames, ...).

        Parameters
        ----------
        per_frame
            shape=(7, ...), the value of each class.
        """
        total = np.zeros((self.n_frames, *per_frame.shape[1:]), np.float32)
        for frames, posteriors in self.overlaps():
            total[frames] += posteriors @ per_frame
        covering = self.covering().reshape(-1, *[1] * (per_frame.ndim - 1))
        return total / covering

    def covering(self) -> NDArray[np.float32]:
        """Number of chunks that cover each frame, shape=(n_frames,)."""
        count = np.zeros(self.n_frames, np.float32)
        for frames, _ in self.covered():
            count[frames] += 1
        return count


def chunk_starts(n_samples: int, hop: int) -> NDArray[np.int64]:
    """Where chunks start: every `hop` samples, the last one shifted back to end with the audio."""
    last = max(0, n_samples - CHUNK_SAMPLES)
    return np.append(np.arange(0, last, hop, dtype=np.int64), last)


def cut_chunks(samples: Samples, starts: NDArray[np.int64]) -> Chunks:
    """Chunks of the audio, zero-padded where it is shorter than one, shape=(n, 1, 160000)."""
    if len(samples) < CHUNK_SAMPLES:  # a long block is not copied
        samples = np.pad(samples, (0, CHUNK_SAMPLES - len(samples)))
    return np.stack([samples[start : start + CHUNK_SAMPLES] for start in starts])[:, None]


def segmentation_of(
    posteriors: Posteriors, starts: NDArray[np.int64], n_samples: int
) -> Segmentation:
    """Put chunks' posteriors on the frames of their block.

    Parameters
    ----------
    posteriors
        shape=(n_chunks, 589, 7), of chunks at `starts`.
    starts
        shape=(n_chunks,), in samples from the start of the block; sorted.
    n_samples
        Length of the block.
    """
    first_frames = np.round(starts / FRAME_SHIFT).astype(np.int64)
    inside = 1 + (n_samples - 1 - FIRST_CENTRE) // FRAME_SHIFT
    n_frames = max(0, min(inside, int(first_frames[-1]) + CHUNK_FRAMES))
    return Segmentation(first_frames, posteriors, n_frames)


def frames_of(seconds: float) -> int:
    """Whole number of frames nearest to a duration."""
    return round(seconds * SAMPLE_RATE_HZ / FRAME_SHIFT)


def frame_centres(n_frames: int) -> NDArray[np.int64]:
    """Middle of every frame in samples from the start of the block."""
    return np.arange(n_frames, dtype=np.int64) * FRAME_SHIFT + FIRST_CENTRE


def frames_within(windows: Windows, n_frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frame centred in each window, and the first one after it; shapes=(n_windows,)."""
    first, last = np.searchsorted(frame_centres(n_frames), windows.T)
    return first, last


def speech_of(segmentation: Segmentation, sad_probs: SpeechProbs) -> SpeechProbs:
    """Probability of speech per segmentation frame: the segmentation's and silero's, combined.

    They err in different ways: the segmentation net hears far voices that silero misses, silero is
    more certain on noise and music. The mean of their log-odds follows the more certain one; a mean
    of probabilities would follow neither.
    """
    heard = segmentation.mean(np.array([0, 1, 1, 1, 1, 1, 1], np.float32))
    sad_frames = frame_centres(segmentation.n_frames) // SAD_FRAME_SAMPLES
    odds = np.sqrt(_odds(heard) * _odds(sad_probs[sad_frames]))
    fused: SpeechProbs = odds / (1 + odds)
    return fused


def _odds(probs: NDArray[np.float32]) -> NDArray[np.float32]:
    doubted = np.clip(probs, LEAST_DOUBT, 1 - LEAST_DOUBT)
    odds: NDArray[np.float32] = doubted / (1 - doubted)
    return odds


def speaker_count_of(segmentation: Segmentation) -> NDArray[np.float32]:
    """Expected number of speakers per frame."""
    return segmentation.mean(POWERSET.sum(axis=1))


class Chunk(NamedTuple):
    """Posteriors of the 10 s from sample `start` of the recording on, shape=(589, 7)."""

    start: int
    posteriors: Posteriors


class Tail:
    """The last part of a recording that arrives in pieces.

    Parameters
    ----------
    end
        Samples of the recording that came before.

    Attributes
    ----------
    end
        Samples of the recording so far.
    """

    def __init__(self, end: int = 0) -> None:
        self.end = end
        self._samples: Samples = np.empty(0, np.float32)

    @property
    def start(self) -> int:
        """First sample that is still kept."""
        return self.end - len(self._samples)

    def add(self, samples: Samples) -> None:
        """Append the samples that come next."""
        self._samples = np.concatenate([self._samples, samples])
        self.end += len(samples)

    def forget(self, before: int) -> None:
        """Drop all before this sample of the recording."""
        self._samples = self._samples[max(0, before - self.start) :].copy()

    def read(self, first: int, last: int) -> Samples:
        """Samples [first, last) of the recording."""
        return self._samples[first - self.start : last - self.start]

    def cut(self, starts: NDArray[np.int64]) -> Chunks:
        """Chunks that start at these samples of the recording."""
        return cut_chunks(self._samples, starts - self.start)

    def chunks(self, starts: NDArray[np.int64], at_once: int) -> Iterator[Chunks]:
        """Chunks that start at these samples of the recording, in batches of about equal size."""
        for batch in np.array_split(starts, math.ceil(len(starts) / at_once)):
            yield self.cut(batch)


class ChunkGrid(NamedTuple):
    """Which chunks of a recording are segmented.

    Attributes
    ----------
    hop
        Distance of two chunks in samples.
    stride
        Every so many chunks one is segmented at first, and the one that ends with the recording;
        `hop * stride` is less than a chunk.
    overlap_share
        Mean probability of overlapped speech from which those between are segmented, too.
    """

    hop: int
    stride: int
    overlap_share: float

    def between(self, before: Chunk, after: Chunk) -> list[int]:
        """Starts of the chunks between two neighbours of the first pass that are to be segmented.

        It depends on what the two heard of the same ten seconds: more chunks help where people
        talk over each other, and hardly anywhere else.
        """
        heard = [_overlapped(each) for each in (before, after)]
        starts = []
        for start in range(before.start + self.hop, after.start, self.hop):
            first, last = (
                round((border - chunk.start) / FRAME_SHIFT)
                for border, chunk in ((start, before), (start + CHUNK_SAMPLES, after))
            )
            share = np.concatenate([heard[0][first:], heard[1][:last]]).mean()
            if share >= self.overlap_share:
                starts.append(start)
        return starts


def _overlapped(chunk: Chunk) -> NDArray[np.float32]:
    """Probability of overlapped speech, shape=(589,)."""
    overlapped: NDArray[np.float32] = chunk.posteriors.astype(np.float32) @ OVERLAPPED
    return overlapped


def segmented_blocks(
    blocks: Iterable[SpeechBlock],
    segment: Segmenter,
    grid: ChunkGrid,
    at_once: int,
    known: Known = lambda _start: None,
) -> Iterator[tuple[SpeechBlock, Segmentation]]:
    """Every block with the posteriors of all segmented chunks that touch it.

    A block is held until the chunks that reach into the next one are known.

    Parameters
    ----------
    blocks
        The recording without gaps.
    segment
        Answers batches of chunks in order, with posteriors for each.
    grid
        Which chunks there are.
    at_once
        Chunks per batch.
    known
        Posteriors of the chunk that starts at a sample, if they are known already.
    """
    segmented = partial(_segmented, segment, at_once, known)
    tail, n_first = Tail(), 0
    waiting: deque[SpeechBlock] = deque()
    chunks: list[Chunk] = []
    newest: list[Chunk] = []  # the last one of the first pass

    for block in blocks:
        waiting.append(block)
        tail.add(block.samples)
        # The last start is that of the chunk which ends with the audio, if the audio ends here.
        starts = chunk_starts(tail.end, grid.hop * grid.stride)
        first = segmented(starts[n_first : None if block.is_last else -1].tolist(), tail)
        pairs = pairwise([*newest, *first])
        more = segmented([start for pair in pairs for start in grid.between(*pair)], tail)
        chunks = sorted([*chunks, *first, *more], key=attrgetter("start"))
        n_first += len(first)
        newest = [*newest, *first][-1:]
        done = newest[0].start if newest else 0
        tail.forget(done)
        while waiting and (block.is_last or waiting[0].end <= done):
            ready = waiting.popleft()
            yield ready, _segmentation(ready, chunks)
            chunks = [chunk for chunk in chunks if chunk.start + CHUNK_SAMPLES > ready.end]


def _segmented(
    segment: Segmenter, at_once: int, known: Known, starts: list[int], tail: Tail
) -> list[Chunk]:
    """Chunks that start there; those that are known already are not segmented again."""
    found = {start: kept for start in starts if (kept := known(start)) is not None}
    asked = [start for start in starts if start not in found]
    if asked:
        batches = tail.chunks(np.array(asked, np.int64), at_once)
        found.update(zip(asked, chain.from_iterable(segment(batches)), strict=True))
    return [Chunk(start, found[start].astype(KEPT_AS)) for start in starts]


def _segmentation(block: SpeechBlock, chunks: list[Chunk]) -> Segmentation:
    """Posteriors of the chunks that touch a block; none of `chunks` ends before it."""
    touching = [chunk for chunk in chunks if chunk.start < block.end]
    starts = np.array([chunk.start for chunk in touching], np.int64) - block.offset
    posteriors = np.stack([chunk.posteriors for chunk in touching])
    return segmentation_of(posteriors, starts, len(block.samples))
