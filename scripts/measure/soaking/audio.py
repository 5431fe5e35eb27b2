"""The speech that all requests are made of."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diarization.arrays import samples_of
from measure.benchmarking.audio import SAMPLE, SourceError, loaded

EXCERPT_S = (17.0, 30.0)  # of the sample: both speakers; enough windows to count voices surely

Speech = NDArray[np.int16]
"""shape=(n_samples,), mono at 16 kHz; or shape=(n_samples, n_channels)."""


def whole(path: Path = SAMPLE) -> Speech:
    """Read a recording.

    Raises
    ------
    SourceError
        If there is none, or it cannot be read.
    """
    if not path.is_file():
        raise SourceError(f"{path} is missing; run ./scripts/setup.sh")
    return np.round(loaded(path) * 32768).clip(-32768, 32767).astype(np.int16)


def excerpt(speech: Speech) -> Speech:
    """Thirteen seconds of it, so that many requests take little time.

    Raises
    ------
    SourceError
        If the recording is too short.
    """
    begin, end = map(samples_of, EXCERPT_S)
    if len(speech) < end:
        raise SourceError(
            f"got a recording of {len(speech) / samples_of(1):.1f} s, expected {EXCERPT_S[1]:g} s"
        )
    return speech[begin:end]
