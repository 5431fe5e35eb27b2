"""The model `fbank` with the real torchaudio, which also computes on a CPU."""

import numpy as np
import pytest

from diarization.fbank import fbank
from integration.fake_pb_utils import FakeServer, Request, TritonError
from integration.model_contract import read_config
from integration.model_loading import execute, initialize_args, loaded
from server.launcher import GPU_MODELS

pytest.importorskip(
    "torchaudio",
    reason="torchaudio cannot be imported; ./scripts/setup.sh --gpu --dev installs it",
    exc_type=ImportError,
)

FOLDER = GPU_MODELS / "fbank"
CONFIG = read_config(FOLDER / "config.pbtxt")
NO_FRAME, LONG = [0, 1, 399], 30 * 16_000


@pytest.fixture(scope="module")
def server():
    return FakeServer()


@pytest.fixture(scope="module")
def model(server):
    with loaded(FOLDER / "1" / "model.py", server) as module:
        model = module.TritonPythonModel()
        model.initialize(initialize_args(CONFIG, FOLDER))
        yield model


def request(samples, window_type):
    name = np.array([window_type.encode()], np.object_)
    return Request(CONFIG, {"samples": samples, "window_type": name})


def buzz(n_samples, gain):
    """Harmonics of a voice with a slow melody in some noise."""
    rng = np.random.default_rng(n_samples)
    phase = np.cumsum(120 + 40 * np.sin(np.arange(n_samples) / 3000)) / 16_000
    noise = 0.01 * rng.standard_normal(n_samples)
    return (gain * (0.3 * (phase % 1 - 0.5) + noise)).astype(np.float32)


@pytest.mark.parametrize("gain", [1, 1e-3, 0])
@pytest.mark.parametrize("window_type", ["hamming", "povey"])
@pytest.mark.parametrize("n_samples", [*NO_FRAME, 400, 559, 560, 561, 48_123, LONG])
def test_features_are_those_of_run(model, n_samples, window_type, gain):
    samples = buzz(n_samples, gain)
    (outputs,) = execute(model, [request(samples, window_type)])
    wanted = fbank(samples, window_type)
    assert outputs["features"].shape == wanted.shape
    assert np.abs(outputs["features"] - wanted).max(initial=0) < 1e-3


def test_a_bad_request_fails_alone(model, server):
    samples = buzz(4000, 1)
    bad, good = execute(model, [request(samples, "square"), request(samples, "povey")])
    assert (bad.code(), bad.message()) == (TritonError.INTERNAL, "model 'fbank' failed")
    assert "square" in server.logger.errors[-1]
    assert len(good["features"]) == 23
