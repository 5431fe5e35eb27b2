"""Steps of several sessions that call the networks together."""

import numpy as np
import pytest

from diarization.errors import ModelCallError
from diarization.live.calls import EmbedCall, SegmentCall, SpeechCall, run_together


class Networks:
    """Answers that follow from the input; keeps the sizes of the batches."""

    def __init__(self):
        self.batches = []

    def speech_probs_of(self, samples, states):
        self.batches.append(("speech", len(samples)))
        return samples[:, ::512] * 2, states + 1

    def segment(self, batches):
        for batch in batches:
            self.batches.append(("segment", len(batch)))
            yield batch[:, 0, :2] + 1

    def embed(self, batches):
        for batch in batches:
            self.batches.append(("embed", len(batch)))
            if (batch < 0).any():
                raise ModelCallError("failed")
            yield batch.sum(axis=2)


def numbered(n, first, *shape):
    """Arrays of `shape` filled with their number."""
    return np.broadcast_to(np.arange(first, first + n).reshape(n, *[1] * len(shape)), (n, *shape))


def segment_then_embed(first, n):
    posteriors = yield SegmentCall(numbered(n, first, 1, 4))
    embeddings = yield EmbedCall(numbered(n, first, 3, 2))
    return posteriors.tolist(), embeddings.tolist()


def test_calls_of_all_steps_go_to_a_network_as_full_batches():
    networks = Networks()
    steps = [segment_then_embed(first, 3) for first in (0, 10, 20)]
    results = run_together(steps, networks, n_chunks=4, n_windows=5)

    assert networks.batches == [
        ("segment", 4), ("segment", 4), ("segment", 1), ("embed", 5), ("embed", 4),
    ]  # fmt: skip
    for (posteriors, embeddings), first in zip(results, (0, 10, 20), strict=True):
        assert posteriors == [[first + n + 1] * 2 for n in range(3)]
        assert embeddings == [[2 * (first + n)] * 3 for n in range(3)]


def test_streams_of_one_length_are_heard_together():
    def listen(n_frames, level):
        probs, state = yield SpeechCall(np.full(n_frames * 512, level, np.float32), None)
        probs_after, state = yield SpeechCall(np.full(512, level, np.float32), state)
        return [*probs.tolist(), *probs_after.tolist()], state.shape, state.max()

    networks = Networks()
    results = run_together([listen(2, 1), listen(1, 3), listen(2, 5)], networks, 8, 64)

    assert networks.batches == [("speech", 2), ("speech", 1), ("speech", 3)]
    assert [probs for probs, *_ in results] == [[2] * 3, [6] * 2, [10] * 3]
    assert all(rest == [(1, 320), 2] for _, *rest in results)


def test_steps_of_different_lengths_all_end():
    def counting(n):
        for _ in range(n):
            yield SegmentCall(numbered(1, 0, 1, 4))
        return n

    assert run_together([counting(n) for n in (3, 0, 1)], Networks(), 8, 64) == [3, 0, 1]
    assert run_together([], Networks(), 8, 64) == []


def test_an_error_of_a_network_ends_the_steps_that_called_it():
    def bad():
        yield EmbedCall(numbered(1, -1, 3, 2))

    def good():
        answer = yield SegmentCall(numbered(1, 4, 1, 4))
        return answer.tolist()

    failed, fine, also_failed = run_together([bad(), good(), bad()], Networks(), 8, 64)
    assert fine == [[5, 5]]
    assert [type(each) for each in (failed, also_failed)] == [ModelCallError] * 2


def test_a_step_may_handle_the_error_of_a_network():
    def patient():
        with pytest.raises(ModelCallError):
            yield EmbedCall(numbered(1, -1, 3, 2))
        return "went on"

    assert run_together([patient()], Networks(), 8, 64) == ["went on"]


def test_an_error_of_a_step_is_its_own_result():
    def broken():
        yield SegmentCall(numbered(1, 0, 1, 4))
        raise ValueError("mine")

    error, fine = run_together([broken(), segment_then_embed(0, 1)], Networks(), 8, 64)
    assert repr(error) == "ValueError('mine')"
    assert fine == ([[1, 1]], [[0, 0, 0]])
