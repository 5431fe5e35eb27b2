"""Names for the arrays of the pipeline; times are sample offsets at 16 kHz, `[start, end)`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000

Samples = NDArray[np.float32]
"""shape=(n_samples,), mono audio at 16 kHz, nominally in [-1, 1]."""

SpeechProbs = NDArray[np.float32]
"""shape=(n_frames,), probability of speech for each SAD frame."""

Segments = NDArray[np.int64]
"""shape=(n, 2), begin and end of stretches of speech in samples; sorted and disjoint."""

Windows = NDArray[np.int64]
"""shape=(n, 2), begin and end in samples of the pieces that get an embedding each; sorted."""

Features = NDArray[np.float32]
"""shape=(n_frames, 80), log mel energies; shape=(n, n_frames, 80) for n windows."""

Embeddings = NDArray[np.float32]
"""shape=(n, dim), one speaker embedding per window."""

Chunks = NDArray[np.float32]
"""shape=(n, 1, 160000), stretches of 10 s for the segmentation net."""

Posteriors = NDArray[np.floating[Any]]
"""shape=(n_chunks, 589, 7), probability of each powerset class in each frame of each chunk;
float32, or float16 where many are kept."""

SadState = NDArray[np.float32] | None
"""What the SAD model remembers of the samples before; None at the start."""

Labels = NDArray[np.int64]
"""shape=(n,), cluster number of every window, 0-based."""

Evidence = NDArray[np.float32]
"""shape=(n_frames or n_windows, n_speakers), how much speaks for each speaker."""

Shares = NDArray[np.float64]
"""shape=(n,), a part of each window, or how sure its label is; 0 to 1."""


def samples_of(seconds: float) -> int:
    """Whole number of samples nearest to a duration in seconds."""
    return round(seconds * SAMPLE_RATE_HZ)
