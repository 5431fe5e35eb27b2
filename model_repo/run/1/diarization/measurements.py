"""What one request cost: audio seconds, and wall-clock seconds per stage."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .arrays import SAMPLE_RATE_HZ, Samples

Stopwatch = Callable[[str], AbstractContextManager[None]]
"""Entered with the name of each stage of this process, so that the caller can time them."""
STAGES_OF_MODE = {
    "classic": ("decode", "sad", "fbank", "embed", "cluster"),
    "full": ("decode", "sad", "segment", "fbank", "embed", "cluster", "assign"),
}
"""Stages that a request of each mode goes through, in this order."""


class Measurements:
    """Audio and time of a request in progress."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._n_samples = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the `with` block towards stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - start

    def decoding(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Pass blocks on; count their samples, and the time they take towards stage `decode`.

        Times of several passes through a recording add up; its length stays that of the longest.
        """
        iterator, n_samples = iter(blocks), 0
        while True:
            with self.stage("decode"):
                block = next(iterator, None)
            if block is None:
                return
            n_samples += len(block)
            self._n_samples = max(self._n_samples, n_samples)
            yield block

    @property
    def audio_s(self) -> float:
        """Length of the recording as far as it was decoded, seconds."""
        return self._n_samples / SAMPLE_RATE_HZ

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds per stage so far, and `total` since the start."""
        return {**self._seconds, "total": time.perf_counter() - self._started}
