"""Powerset segmentation of overlapping 10 s chunks -> how likely speech, and how many speakers.

The network tells, for each frame of a chunk, which of up to three speakers talk, at most two at a
time: seven classes. Which speaker is which holds inside one chunk only (`assignment` joins them).

Source: Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization"
(2023); frame geometry of pyannote's segmentation-3.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Chunks, Posteriors, Samples, SpeechProbs, Windows
from .sad import FRAME_SAMPLES as SAD_FRAME_SAMPLES

CHUNK_SAMPLES = 160_000
CHUNK_FRAMES = 589
FRAME_SHIFT = 270
LEAST_DOUBT = np.float32(0.001)  # no net is ever surer than that
FIRST_CENTRE = 495  # middle of the 991 samples that frame 0 sees

POWERSET = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32
)
"""shape=(7 classes, 3 speakers), 1 where the speaker talks in the class."""


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
            yield frames, posteriors.astype(np.float32)

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
    the surer one on noise and music. The mean of their log-odds lets the surer one decide, where a
    mean of probabilities would let neither.
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
    """Expected number of people who talk, per frame."""
    return segmentation.mean(POWERSET.sum(axis=1))
