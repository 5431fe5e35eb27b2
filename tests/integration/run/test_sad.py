"""The model `sad`: requests, devices, and the location of its file."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from integration.fake_pb_utils import FakeServer, Request, TritonError, TritonModelException
from integration.model_contract import REPOSITORY, read_config
from integration.model_loading import execute, initialize_args, loaded
from integration.planted_models import running, server_of_planted_models

# silero is published as TorchScript only, and torch has begun to warn of it.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.load. is deprecated:DeprecationWarning")

FOLDER = REPOSITORY / "sad"
FILE_NAME = "silero_vad.jit"
SAMPLE = REPOSITORY.parent / "data" / "sample"
CONFIG = read_config(FOLDER / "config.pbtxt")


@pytest.fixture(autouse=True)
def torch_settings_kept():
    """`initialize` switches gradients off for its whole process; one thread is quickest here."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.set_grad_enabled(torch.is_grad_enabled()):
        yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def module(server):
    with loaded(FOLDER / "1" / "model.py", server) as module:
        yield module


@pytest.fixture
def sad(module):
    model = module.TritonPythonModel()
    model.initialize(initialize_args(CONFIG, FOLDER))
    return model


def noise(*shape):
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def request(samples, state=None, **more):
    inputs = {"samples": samples} if state is None else {"samples": samples, "state": state}
    return Request(CONFIG, inputs, **more)


@pytest.mark.parametrize(
    ("shape", "n_frames"), [((1, 16_000), 32), ((3, 512), 1), ((1, 513), 2), ((2, 0), 0)]
)
def test_there_is_a_probability_for_every_frame(sad, shape, n_frames):
    (outputs,) = execute(sad, [request(noise(*shape))])
    assert outputs["speech_probs"].shape == (shape[0], n_frames)
    assert outputs["next_state"].shape == (shape[0], 320)
    assert ((outputs["speech_probs"] >= 0) & (outputs["speech_probs"] <= 1)).all()


def test_the_state_continues_a_stream(sad):
    samples = noise(1, 64 * 512)
    (whole, first) = execute(sad, [request(samples), request(samples[:, : 24 * 512])])
    (second,) = execute(sad, [request(samples[:, 24 * 512 :], first["next_state"])])
    joined = np.concatenate([first["speech_probs"], second["speech_probs"]], axis=1)
    assert np.allclose(joined, whole["speech_probs"], rtol=0, atol=1e-5)


def test_a_bad_request_is_refused_and_affects_no_other_request(sad, server):
    samples = noise(1, 4096)
    bad = request(samples, np.zeros((2, 320), np.float32))
    before, error, after = execute(sad, [request(samples), bad, request(samples[:, :512])])
    assert error.code() is TritonError.INVALID_ARG
    assert error.message() == (
        "sad: got samples [1, 4096] and state [2, 320], "
        "expected [streams, samples] and [streams, 320]"
    )
    assert server.logger.errors == []
    for answered, audio in ((before, samples), (after, samples[:, :512])):
        (alone,) = execute(sad, [request(audio)])
        assert np.array_equal(answered["speech_probs"], alone["speech_probs"])


def test_an_unexpected_exception_is_an_internal_error_with_its_traceback_only_in_the_log(
    sad, server
):
    def broken(*_):
        raise RuntimeError("out of memory at /srv/secret")

    sad.silero = broken
    (error,) = execute(sad, [request(noise(1, 512))])
    assert (error.code(), error.message()) == (TritonError.INTERNAL, "model 'sad' failed")
    (logged,) = server.logger.errors
    assert logged.startswith("Traceback")
    assert "out of memory at /srv/secret" in logged


def test_without_a_usable_gpu_every_instance_runs_on_the_cpu(module, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert module.torch_device("GPU", "1") == torch.device("cpu")
    assert module.torch_device("CPU", "0") == torch.device("cpu")


def test_a_gpu_instance_runs_on_the_gpu_it_was_given(module, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert module.torch_device("GPU", "1") == torch.device("cuda", 1)
    assert module.torch_device("CPU", "0") == torch.device("cpu")


@pytest.fixture
def places(tmp_path, module, monkeypatch):
    """A version folder and the container's folder, both empty, and the file that was loaded."""
    found = SimpleNamespace(own=tmp_path / "sad" / "1", container=tmp_path / "triton", loaded=None)
    found.own.mkdir(parents=True)
    found.container.mkdir()
    load = torch.jit.load

    def recorded(path, **options):
        found.loaded = path
        return load(path, **options)

    monkeypatch.setattr(module, "CONTAINER_FOLDER", found.container)
    monkeypatch.setattr(torch.jit, "load", recorded)
    return found


@pytest.mark.parametrize(
    ("present", "chosen"),
    [(["own"], "own"), (["container"], "container"), (["own", "container"], "own")],
)
def test_the_file_in_the_version_folder_takes_precedence(module, places, present, chosen):
    for place in present:
        shutil.copy(FOLDER / "1" / FILE_NAME, getattr(places, place))
    module.TritonPythonModel().initialize(initialize_args(CONFIG, places.own.parent))
    assert places.loaded == getattr(places, chosen) / FILE_NAME


def test_a_missing_file_is_reported(module, places):
    with pytest.raises(TritonModelException) as caught:
        module.TritonPythonModel().initialize(initialize_args(CONFIG, places.own.parent))
    assert str(caught.value) == (
        "model 'sad': silero_vad.jit is missing; run ./scripts/setup.sh or "
        "scripts/setup/prepare_models.py"
    )


def covered(segments, n_frames):
    """Whether each 10 ms frame lies in one of the (begin, end) pairs, seconds."""
    frames = np.zeros(n_frames, bool)
    for begin, end in segments:
        frames[round(begin * 100) : round(end * 100)] = True
    return frames


def test_run_finds_the_speech_of_the_sample_with_this_model(sad):
    def real_sad(inputs):
        (outputs,) = execute(sad, [Request(CONFIG, inputs)])
        return outputs

    server = server_of_planted_models()
    server.add(CONFIG, real_sad)
    samples, _ = soundfile.read(SAMPLE / "sample.wav", dtype="float32")
    with running(server) as run:
        recording = run.request((SAMPLE / "sample.wav").read_bytes(), {"mode": "classic"})
        labels = run.outputs(recording)["LABELS"][0]
    reference = [
        (float(line.split()[3]), float(line.split()[3]) + float(line.split()[4]))
        for line in (SAMPLE / "sample.rttm").read_text().splitlines()
    ]
    n_frames = len(samples) // 160
    found, spoken = covered(labels[:, :2], n_frames), covered(reference, n_frames)
    assert (found == spoken).mean() > 0.95


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "another network"])
def test_a_damaged_file_is_reported_with_a_remedy(damage, module, tmp_path):
    path = tmp_path / "1" / FILE_NAME
    path.parent.mkdir()
    whole = (FOLDER / "1" / FILE_NAME).read_bytes()
    contents = {"garbage": b"garbage" * 99, "truncated": whole[: len(whole) // 2], "empty": b""}
    if damage == "another network":
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)
    else:
        path.write_bytes(contents[damage])
    with pytest.raises(TritonModelException) as caught:
        module.TritonPythonModel().initialize(initialize_args(CONFIG, tmp_path))
    text = str(caught.value)
    assert text.startswith("model 'sad': silero_vad.jit is damaged or not silero's (")
    assert text.endswith("); run ./scripts/setup.sh or scripts/setup/prepare_models.py")
    assert "\n" not in text
