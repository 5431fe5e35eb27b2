"""What a session keeps until its end: rows that are only ever appended."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..audio import resampled

READ_S = 60  # audio read at a time
PCM_SCALE = np.float32(1 / 32768)  # libsndfile's, so that samples are those of a wav file


class Records(Protocol):
    """Rows of one shape and type."""

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Rows [first, last)."""


@dataclass(frozen=True)
class Journal:
    """The records of a session.

    Attributes
    ----------
    audio
        Samples as they were sent, float32 or int16.
    probs
        Silero's probability of speech of each frame, float32.
    posteriors
        Of the chunks of the grid, shape=(n, 589, 7), float16.
    embeddings
        Of the windows in the order in which they were embedded, shape=(n, dim), float32.
    """

    audio: Records
    probs: Records
    posteriors: Records
    embeddings: Records


def as_float(samples: NDArray[Any]) -> Samples:
    """Samples in [-1, 1], from float32 or 16-bit integers."""
    return samples * PCM_SCALE if samples.dtype == np.int16 else samples.astype(np.float32)


def recorded_audio(audio: Records, rate_hz: int) -> Iterator[Samples]:
    """The recording so far at 16 kHz, in stretches."""
    return resampled(recorded_blocks(audio, rate_hz), rate_hz)


def recorded_blocks(audio: Records, rate_hz: int) -> Iterator[Samples]:
    """The recording so far as it was sent, in stretches."""
    size = READ_S * rate_hz
    for first in range(0, len(audio), size):
        yield as_float(audio.read(first, min(first + size, len(audio))))
