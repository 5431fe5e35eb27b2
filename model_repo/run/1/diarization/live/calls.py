"""Calls to the networks from several sessions, made together.

A step of a session is a generator: it yields a call, is sent the answer, and returns what it has
found. `run_together` advances the steps of all sessions that wait at the same moment, so that
their chunks and windows reach the networks as one batch.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Chunks, Embeddings, Features, Posteriors, SadState, Samples, SpeechProbs

T = TypeVar("T")
NEW_STATE = np.zeros((1, 320), np.float32)  # of silero, at the start of a recording


@dataclass(frozen=True, eq=False)
class SpeechCall:
    """Ask for the probability of speech; the answer is (probabilities, next state)."""

    samples: Samples
    state: SadState


@dataclass(frozen=True, eq=False)
class SegmentCall:
    """Ask for the posteriors of chunks, shape=(n, 1, 160000)."""

    chunks: Chunks


@dataclass(frozen=True, eq=False)
class EmbedCall:
    """Ask for the embeddings of windows, given their features, shape=(n, n_frames, 80)."""

    features: Features


Call = SpeechCall | SegmentCall | EmbedCall
Step = Generator[Call, Any, T]


class LiveModels(Protocol):
    """The networks; see `pipeline.Models`."""

    def speech_probs_of(
        self, samples: Samples, states: SadState
    ) -> tuple[SpeechProbs, NDArray[np.float32]]:
        """Probabilities and states of several streams, shape=(n, n_samples) and (n, 320)."""

    def segment(self, batches: Iterable[Chunks]) -> Iterator[Posteriors]:
        """Probabilities of the powerset classes for every chunk."""

    def embed(self, batches: Iterable[Features]) -> Iterator[Embeddings]:
        """Embedding of every window."""


def run_together(
    steps: Sequence[Step[T]], models: LiveModels, n_chunks: int, n_windows: int
) -> list[T | Exception]:
    """Advance all steps to their end.

    Parameters
    ----------
    n_chunks, n_windows
        Most chunks and windows per call to a network.

    Returns
    -------
    list
        What each step returned, or the error that ended it.
    """
    results: dict[int, T | Exception] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(steps)))
    while answers:
        calls: dict[int, Call] = {}
        for number, answer in answers.items():
            _advance(steps[number], answer, number, calls, results)
        answers = {}
        for group in _groups(calls):
            answers |= _answers(group, models, n_chunks, n_windows)
    return [results[number] for number in range(len(steps))]


def _advance(
    step: Step[T],
    answer: Any,  # noqa: ANN401 - of any network
    number: int,
    calls: dict[int, Call],
    results: dict[int, T | Exception],
) -> None:
    """Send a step the answer to its call; note its next call, or what it has come to."""
    try:
        failed = isinstance(answer, Exception)
        calls[number] = step.throw(answer) if failed else step.send(answer)
    except StopIteration as end:
        results[number] = end.value
    except Exception as error:
        results[number] = error


def _groups(calls: dict[int, Call]) -> Iterable[dict[int, Any]]:
    """Calls that one network can answer together, by number."""
    groups: dict[object, dict[int, Any]] = {}
    for number, call in calls.items():
        kind = len(call.samples) if isinstance(call, SpeechCall) else type(call)
        groups.setdefault(kind, {})[number] = call
    return groups.values()


def _answers(
    group: dict[int, Any], models: LiveModels, n_chunks: int, n_windows: int
) -> dict[int, Any]:
    """Answer a group of calls; each with the error if the network fails."""
    calls = list(group.values())
    found: list[Any]
    try:
        if isinstance(calls[0], SegmentCall):
            found = _in_batches([call.chunks for call in calls], models.segment, n_chunks)
        elif isinstance(calls[0], EmbedCall):
            found = _in_batches([call.features for call in calls], models.embed, n_windows)
        else:
            found = _speech(calls, models)
    except Exception as error:
        return dict.fromkeys(group, error)
    return dict(zip(group, found, strict=True))


def _in_batches(arrays: list[Any], network: Any, at_once: int) -> list[Any]:  # noqa: ANN401
    """Answer all arrays in full batches; return the answers of each array."""
    joined = np.concatenate(arrays)
    batches = (joined[first : first + at_once] for first in range(0, len(joined), at_once))
    found = np.concatenate(list(network(batches)))
    return np.split(found, np.cumsum([len(each) for each in arrays])[:-1])


def _speech(calls: list[SpeechCall], models: LiveModels) -> list[tuple[SpeechProbs, SadState]]:
    states = [NEW_STATE if call.state is None else call.state for call in calls]
    probs, next_states = models.speech_probs_of(
        np.stack([call.samples for call in calls]), np.concatenate(states)
    )
    return list(zip(probs, np.split(next_states, len(calls)), strict=True))
