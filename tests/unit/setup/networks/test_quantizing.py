"""The speaker network in 8 bit, as set-up installed it."""

import logging

import numpy as np
import onnxruntime
import pytest

from server.triton_server import MODEL_REPOSITORY
from setup.fetching import PROJECT
from setup.networks import quantizing
from setup.networks.quantizing import windows_of

FOLDER = MODEL_REPOSITORY / "speaker_model" / "1"


@pytest.fixture(scope="module")
def windows():
    return windows_of(PROJECT / "data" / "sample" / "sample.wav")[::16]


def embedder(name):
    """A function from windows to their embeddings by this network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several wait for each other on a busy machine
    session = onnxruntime.InferenceSession(str(FOLDER / name), options)
    return lambda windows: session.run(["embs"], {"feats": windows})[0]


def test_embeddings_are_close_to_those_of_the_network(windows):
    pairs = [embedder(name)(windows) for name in ("model.onnx", "model.int8.onnx")]
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in pairs)

    cosines = (one * other).sum(axis=1)
    assert not np.array_equal(one, other)
    assert np.median(cosines) > 0.98
    assert cosines.min() > 0.9


def test_a_window_does_not_depend_on_those_beside_it(windows):
    embed = embedder("model.int8.onnx")
    alone = [embed(window[None]) for window in windows]

    assert np.array_equal(embed(windows), np.concatenate(alone))


def test_windows_are_of_the_recording_and_of_noisy_copies(windows):
    assert windows.shape[1:] == (98, 80)
    assert np.abs(windows.mean(axis=1)).max() < 1e-3  # each without its mean
    assert len(np.unique(windows, axis=0)) == len(windows)


def test_warnings_are_shown_again_afterwards(windows, monkeypatch, tmp_path):
    monkeypatch.setattr(quantizing, "quantize_static", lambda *_, **__: None)
    monkeypatch.setattr(quantizing, "windows_of", lambda _: windows)

    quantizing.write_quantized(FOLDER / "model.onnx", tmp_path / "a.wav", tmp_path / "b.onnx")

    assert logging.getLogger().isEnabledFor(logging.WARNING)
