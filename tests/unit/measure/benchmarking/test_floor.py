"""The floor: how many chunks and batches, and what is estimated from a part of them."""

from pathlib import Path

import pytest

from diarization.arrays import samples_of
from diarization.fbank import N_MELS, n_frames_of
from diarization.full.segmentation import CHUNK_SAMPLES
from diarization.options import Options
from measure.benchmarking import floor
from measure.benchmarking.audio import SAMPLE_RATE_HZ, InputError
from measure.benchmarking.floor import CHUNK_S, estimated_s, frame_count, options_with


def test_options_and_shapes_are_those_of_the_service():
    options = Options()

    assert {
        "frames.window_s": options.frames.window_s,
        "window.length_s": options.window.length_s,
        "calls.windows": options.calls.windows,
        "calls.chunks": options.calls.chunks,
    } == floor.OPTIONS
    assert (CHUNK_S * SAMPLE_RATE_HZ, floor.N_MELS) == (CHUNK_SAMPLES, N_MELS)
    for window_s in (0.5, 1.0, 1.5, 1.51):
        assert frame_count(window_s) == n_frames_of(samples_of(window_s))


def test_assigned_options_replace_defaults():
    changed = {**floor.OPTIONS, "calls.chunks": 4.0}

    assert options_with(["calls.chunks=4", "cluster.neighbours=7"]) == changed
    with pytest.raises(InputError, match=r"--option frames.window_s.*'wide'"):
        options_with(["frames.window_s=wide"])


class FakeNet:
    """Takes a tenth of a second for each item."""

    def __init__(self):
        self.now_s, self.batches = 0.0, []

    def __call__(self, n_items):
        self.batches.append(n_items)
        self.now_s += 0.1 * n_items

    def clock(self):
        return self.now_s


@pytest.mark.parametrize(
    ("n_items", "budget_s", "estimate_s", "batches"),
    [
        (20, 100.0, 2.0, [8, 8, 8, 4]),  # the first one warms up
        (8000, 1.5, 800.0, [8, 8, 8]),
        (0, 1.0, 0.0, []),
    ],
)
def test_long_work_is_estimated_from_its_beginning(n_items, budget_s, estimate_s, batches):
    net = FakeNet()

    assert estimated_s(net, n_items, 8, budget_s, net.clock) == pytest.approx(estimate_s)
    assert net.batches == batches


def test_the_nets_alone_get_as_many_cores_as_the_service(monkeypatch):
    asked = []
    monkeypatch.setattr(floor, "available_cores", lambda: 3)
    monkeypatch.setattr(
        floor.onnxruntime, "InferenceSession",
        lambda _path, options, **_: asked.append(options.intra_op_num_threads),
    )  # fmt: skip

    floor.NetsAlone(Path("repository"), floor.OPTIONS)

    assert asked == [3, 3]
