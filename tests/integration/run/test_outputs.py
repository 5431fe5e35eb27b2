"""Optional outputs of `run`: confidence, embeddings, and one speaker at a time."""

import json

import numpy as np
import pytest

from integration.fake_pb_utils import FakeServer
from integration.model_contract import REPOSITORY, read_config
from integration.model_loading import initialize_args, loaded
from integration.planted_models import (
    QUICK_HZ,
    SLOW_HZ,
    conversation,
    mixed,
    running,
    server_of_planted_models,
)

IN_TURN = [(0, 4, QUICK_HZ), (5, 9, SLOW_HZ), (10, 14, QUICK_HZ)]
OVERLAPPING = [(0, 6, SLOW_HZ), (4, 12, QUICK_HZ), (11, 16, SLOW_HZ)]
VOICES = {SLOW_HZ: [1, 0], QUICK_HZ: [0, 1]}  # what the planted speaker model answers


@pytest.fixture(params=["full", "classic"])
def run(request):
    with running(server_of_planted_models()) as model:
        model.always = {"mode": request.param}
        yield model


def test_every_turn_has_a_confidence_and_clear_voices_a_high_one(run):
    outputs = run.outputs(run.request(mixed(15, *IN_TURN)))
    assert outputs["CONFIDENCE"].shape == (3,)
    assert outputs["LABELS"].shape == (1, 3, 3)
    assert (outputs["CONFIDENCE"] > 0.9).all()
    assert (outputs["CONFIDENCE"] <= 1).all()


def test_every_speaker_has_an_embedding_in_the_order_of_the_labels(run):
    outputs = run.outputs(run.request(mixed(15, *IN_TURN)))
    assert np.allclose(outputs["EMBEDDINGS"], [VOICES[QUICK_HZ], VOICES[SLOW_HZ]], atol=1e-6)
    assert outputs["EMBEDDINGS"].dtype == np.float32


def test_exclusive_turns_do_not_overlap(run):
    (labels,) = run.outputs(run.request(mixed(17, *OVERLAPPING), {"exclusive": True}))["LABELS"]
    assert (labels[1:, 0] >= labels[:-1, 1]).all()
    assert set(labels[:, 2]) == {0, 1}
    assert labels[0, 0] == pytest.approx(0, abs=0.1)
    assert labels[-1, 1] == pytest.approx(16, abs=0.1)


def test_without_exclusive_turns_overlap_in_full_mode():
    with running(server_of_planted_models()) as run:
        for asked in ({}, {"exclusive": False}):
            (labels,) = run.outputs(run.request(mixed(17, *OVERLAPPING), asked))["LABELS"]
            assert (labels[1:, 0] < labels[:-1, 1]).all()


def test_info_reports_exclusive(run):
    outputs = run.outputs(run.request(conversation(), {"exclusive": True}))
    assert json.loads(outputs["INFO"].item())["exclusive"] is True


@pytest.mark.parametrize(
    ("notes", "name"),
    [({}, None), ({"1": "net_a"}, "net_a"), ({"1": "net_a", "2": "net_b"}, "net_b")],
)
def test_info_names_the_network_of_the_embeddings(tmp_path, notes, name):
    for version, network in notes.items():
        folder = tmp_path / "speaker_model" / version
        folder.mkdir(parents=True)
        (folder / "model.onnx.json").write_text(json.dumps({"name": network, "dim": 2}))
    config = read_config(REPOSITORY / "run" / "config.pbtxt")
    with loaded(REPOSITORY / "run" / "1" / "model.py", FakeServer()) as module:
        model = module.TritonPythonModel()
        model.initialize(initialize_args(config, tmp_path / "run"))
        assert model.speaker_network == name
