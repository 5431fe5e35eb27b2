"""The floor: how many chunks and batches, and what is reckoned from a part of them."""

from pathlib import Path

import pytest

from diarization.config import Options, parse_options
from measure.benchmarking import floor
from measure.benchmarking.floor import batch_lengths, chunk_count, estimated_s


@pytest.mark.parametrize(
    ("audio_s", "n_chunks"),
    [
        (0.5, 1),
        (10.0, 1),
        (11.25, 2),
        (12.0, 3),  # at 0, 1.25 and 2 s
        (30.0, 17),  # 20 s in steps of 1.25 s, and the first
        (600.0, 473),
        (1200.0, 953),  # however many blocks it is cut into
        (0.0, 0),
    ],
)
def test_chunks_are_counted_as_the_service_cuts_them(audio_s, n_chunks):
    assert chunk_count(audio_s, Options()) == n_chunks


def test_the_distance_of_chunks_is_an_option():
    assert chunk_count(30.0, parse_options({"frames.chunk_hop_s": "5"})) == 5


def test_the_last_batch_takes_what_is_left():
    assert list(batch_lengths(150, 64)) == [64, 64, 22]
    assert list(batch_lengths(64, 64)) == [64]
    assert list(batch_lengths(0, 64)) == []


class PlantedNet:
    """Takes a tenth of a second for each item."""

    def __init__(self):
        self.now_s, self.batches = 0.0, []

    def __call__(self, n_items):
        self.batches.append(n_items)
        self.now_s += 0.1 * n_items

    def clock(self):
        return self.now_s


def test_short_work_is_done_in_full_after_one_batch_to_warm_up():
    net = PlantedNet()

    assert estimated_s(net, 20, 8, 100.0, net.clock) == pytest.approx(2.0)
    assert net.batches == [8, 8, 8, 4]


def test_long_work_is_reckoned_from_its_beginning():
    net = PlantedNet()

    assert estimated_s(net, 8000, 8, 1.5, net.clock) == pytest.approx(800.0)
    assert net.batches == [8, 8, 8]


def test_no_work_takes_no_time():
    net = PlantedNet()

    assert estimated_s(net, 0, 8, 1.0, net.clock) == 0.0
    assert net.batches == []


def test_the_nets_alone_get_the_cores_that_the_service_gets(monkeypatch):
    asked = []
    monkeypatch.setattr(floor, "available_cores", lambda: 3)
    monkeypatch.setattr(
        floor.onnxruntime, "InferenceSession",
        lambda _path, options, **_: asked.append(options.intra_op_num_threads),
    )  # fmt: skip

    floor.NetsAlone(Path("repository"), Options())

    assert asked == [3, 3]
