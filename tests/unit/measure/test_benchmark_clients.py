"""Many clients at once, against diarizers whose clock is ours; batches from planted counts."""

from pathlib import Path

import pytest

from measure.benchmarking.batch_sizes import BatchSize, Counts, batch_sizes
from measure.benchmarking.clients import ClientsResult, closed_loop
from measure.benchmarking.trade import TradePoint, trade_point, trade_points
from measure.evaluation.compare import CompareError
from sending.outcome import Answer, Failure


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


class PlantedDiarizer:
    """Answers at once, but its clock says that it took `takes_s`; every `fails`th one fails."""

    def __init__(self, clock, takes_s, fails=0):
        self.clock, self.takes_s, self.fails = clock, takes_s, fails
        self.sent = []

    def send(self, recording, audio, deliver):
        self.sent.append((recording.recording_id, audio))
        self.clock.now_s += self.takes_s
        if self.fails and len(self.sent) % self.fails == 0:
            deliver(Failure(recording, "refused"))
        else:
            deliver(Answer(recording, b"", {}, self.takes_s))


def never():
    return False


def test_every_client_sends_its_own_recording_again_and_again():
    clock = Clock()
    diarizers = [PlantedDiarizer(clock, 1.0), PlantedDiarizer(clock, 3.0)]

    latencies_s, failures = closed_loop(diarizers, [b"a", b"b"], 3, never, clock)

    assert latencies_s == [[1.0] * 3, [3.0] * 3]
    assert failures == []
    assert diarizers[0].sent == [("client_0", b"a")] * 3
    assert diarizers[1].sent == [("client_1", b"b")] * 3


def test_a_client_goes_on_after_a_failure():
    clock = Clock()

    latencies_s, failures = closed_loop([PlantedDiarizer(clock, 2.0, 2)], [b"a"], 4, never, clock)

    assert latencies_s == [[2.0, 2.0]]
    assert failures == ["refused", "refused"]


def test_ctrl_c_ends_the_wait():
    with pytest.raises(KeyboardInterrupt):
        closed_loop([PlantedDiarizer(Clock(), 1.0)], [b"a"], 2, lambda: True)


def test_figures_of_clients_reckoned_on_paper():
    result = ClientsResult("full", 30.0, 12.0, [[1.0, 2.0], [3.0, 6.0]], [])

    assert result.n_clients == 2
    assert result.throughput == 10.0  # 4 recordings of 30 s in 12 s
    assert result.latency_s(50) == 2.5
    assert result.unfairness == 3.0


def test_a_client_without_an_answer_leaves_no_ratio():
    result = ClientsResult("full", 30.0, 3.0, [[1.0], []], ["refused"])

    assert result.unfairness is None
    assert ClientsResult("full", 30.0, 3.0, [[]], ["refused"]).latency_s(50) is None


def test_batches_are_differences_of_counts():
    before = {"speaker_model": Counts(100, 10, 50), "sad": Counts(7, 7, 7)}
    after = {
        "speaker_model": Counts(340, 14, 60),
        "sad": Counts(7, 7, 7),  # was not run
        "segmentation": Counts(16, 2, 2),
    }

    sizes = batch_sizes(before, after)

    assert sizes == {"speaker_model": BatchSize(60.0, 2.5), "segmentation": BatchSize(8.0, 1.0)}


def evaluation(**options):
    return {
        "options": {"mode": None, "jobs": 4, **options},
        "mean": {"scores": [{"collar_s": 0.25, "der": 5.2}, {"collar_s": 0.0, "der": 11.6}]},
        "sets": [{"wall_s": 10.0, "audio_s": 500.0}, {"wall_s": 20.0, "audio_s": 700.0}],
    }


def test_an_evaluation_is_a_point_of_error_and_time():
    point = trade_point(evaluation(mode="classic", option=["window.hop_s=0.5"]))

    ders = {"0.25": 5.2, "0": 11.6}
    assert point == TradePoint("classic, window.hop_s=0.5", ders, 90.0, 4)


def test_the_mode_that_was_not_named_is_the_default():
    assert trade_point(evaluation()).label == "full"


def test_a_file_that_is_no_evaluation_is_refused(tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text('{"format": "diarization-evaluation-1"}')

    with pytest.raises(CompareError, match=r"empty\.json has no error rate"):
        trade_points([empty])
    with pytest.raises(CompareError, match="cannot read absent"):
        trade_points([Path("absent.json")])
