"""Many clients at once, with planted diarizers."""

import pytest

from measure.benchmarking.clients import ClientsResult, closed_loop
from sending.in_flight import CancelledError
from sending.outcome import Answer, Failure


class FakeDiarizer:
    """Answers at once; every `fails`th recording fails."""

    def __init__(self, fails=0):
        self.fails, self.sent = fails, []

    def send(self, recording, audio, deliver):
        self.sent.append((recording.recording_id, audio))
        if self.fails and len(self.sent) % self.fails == 0:
            deliver(Failure(recording, "refused"))
        else:
            deliver(Answer(recording, b"", {}, 1.0))


def test_every_client_sends_its_own_recording_again_and_again():
    diarizers = [FakeDiarizer(), FakeDiarizer(fails=2)]

    latencies_s, failures = closed_loop(diarizers, [b"a", b"b"], 4, lambda: False)

    assert [len(each) for each in latencies_s] == [4, 2]
    assert failures == ["refused", "refused"]
    assert diarizers[0].sent == [("client_0", b"a")] * 4
    assert diarizers[1].sent == [("client_1", b"b")] * 4


def test_ctrl_c_ends_the_wait():
    with pytest.raises(CancelledError):
        closed_loop([FakeDiarizer()], [b"a"], 2, lambda: True)


def test_figures_of_clients():
    result = ClientsResult("full", 30.0, 12.0, [[1.0, 2.0], [3.0, 6.0]], [])

    assert result.n_clients == 2
    assert result.throughput == 10.0  # 4 recordings of 30 s in 12 s
    assert result.latency_s(50) == 2.5
    assert result.unfairness == 3.0


def test_client_without_an_answer_leaves_no_ratio():
    result = ClientsResult("full", 30.0, 3.0, [[1.0], []], ["refused"])

    assert result.unfairness is None
    assert ClientsResult("full", 30.0, 3.0, [[]], ["refused"]).latency_s(50) is None
