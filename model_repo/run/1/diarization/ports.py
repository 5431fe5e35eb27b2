"""What the pipelines need from outside: neural networks and a stopwatch."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from .arrays import Chunks, Embeddings, Features, Posteriors, SadState, Samples, SpeechProbs

Stopwatch = Callable[[str], AbstractContextManager[None]]
"""Entered with the name of each stage of this process, so that the caller can time them."""


class Models(Protocol):
    """The neural networks, wherever they run.

    `segment` and `embed` answer batch by batch, in order; they take further batches from the
    iterable while answers are under way.
    """

    def speech_probs(self, samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        """Speech probability per frame of 512 samples, and the detector's state after them."""

    def segment(self, batches: Iterable[Chunks]) -> Iterator[Posteriors]:
        """Probabilities of the powerset classes for every chunk."""

    def embed(self, batches: Iterable[Features]) -> Iterator[Embeddings]:
        """Embedding of every window."""
