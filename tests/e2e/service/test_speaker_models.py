"""Another speaker model is installed from one ONNX file, without changing a configuration."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from e2e.calls import diarize, wav_bytes
from server.triton_server import MODEL_REPOSITORY, TritonServer
from setup import prepare_models
from setup.networks.interfaces import N_MELS, SPEAKER
from setup.networks.onnx_model import one_torch_thread, write_onnx

SIZE = 96  # of an embedding; CAM++'s is 192, upstream's 256
INSTALLED = "speaker_model/1/model.onnx"  # and the note beside it

pytestmark = pytest.mark.triton


class RandomNetwork(torch.nn.Module):
    """Any network with WeSpeaker's interface: feats (B, T, 80) -> embs (B, 96)."""

    def __init__(self):
        super().__init__()
        self.frames = torch.nn.Linear(N_MELS, 256)
        self.embedding = torch.nn.Linear(256, SIZE)

    def forward(self, feats):
        return self.embedding(torch.relu(self.frames(feats)).mean(1))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of the model repository in which the speaker model is another one."""
    folder = tmp_path_factory.mktemp("speaker")
    torch.manual_seed(0)
    with one_torch_thread():
        write_onnx(RandomNetwork().eval(), SPEAKER, folder / "small_random.onnx")
    copy = folder / "model_repo"
    shutil.copytree(MODEL_REPOSITORY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    arguments = ["--speaker_onnx", folder / "small_random.onnx", "--model_repo", copy]
    assert prepare_models.main(list(map(str, arguments))) == 0
    return copy


@pytest.fixture(scope="module")
def other_server(repository, tmp_path_factory):
    log = tmp_path_factory.mktemp("other") / "tritonserver.log"
    with TritonServer(log, flags=[f"--model-repository={repository}"]) as running:
        yield running


def files_of(repository):
    """Content of every file, by its path within the repository, but for the speaker model's."""
    paths = {str(path.relative_to(repository)): path for path in repository.rglob("*.*")}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if path.is_file() and not name.startswith(INSTALLED) and "__pycache__" not in name
    }


@pytest.mark.parametrize("mode", ["full", "classic"])
def test_the_answer_has_the_embeddings_and_the_name_of_the_model(other_server, sample, mode):
    answer = diarize(other_server, sample.read_bytes(), mode=mode, num_speakers=2)
    assert answer.embeddings.shape == (2, SIZE)
    assert np.allclose(np.linalg.norm(answer.embeddings, axis=1), 1, atol=1e-5)
    assert answer.info["speaker_network"] == "small_random"
    assert answer.info["n_speakers"] == 2
    assert len(answer.turns) > 2


def test_a_recording_of_one_window_is_answered(other_server, sample):
    samples, rate_hz = soundfile.read(sample, dtype="float32")
    second = samples[7 * rate_hz : 8 * rate_hz]
    answer = diarize(other_server, wav_bytes(second), mode="classic")
    assert answer.embeddings.shape == (1, SIZE)


def test_no_other_file_of_the_repository_has_changed(repository, other_server):
    own = files_of(MODEL_REPOSITORY)
    assert "speaker_model/config.pbtxt" in own
    assert files_of(repository) == own
    note = json.loads((repository / "speaker_model" / "1" / "model.onnx.json").read_text())
    assert note["output_dims"] == [SIZE]
    assert note["source"] == "local file small_random.onnx"
