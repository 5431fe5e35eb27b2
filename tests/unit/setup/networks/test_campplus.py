"""CAM++: the network against the paper and plain formulas, the export against the network."""

from __future__ import annotations

import pickle

import kaldi_native_fbank
import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch

from fake_models import RunsCode, public_weights
from setup.fetching import PROJECT
from setup.networks.campplus import (
    CamPlusPlus,
    ContextAwareMasking,
    load_campplus,
    mean_and_std,
    segment_matrices,
)
from setup.networks.interfaces import CAMPPLUS
from setup.networks.onnx_model import (
    MAX_DIFFERENCE,
    ExportError,
    compare_with_torch,
    export,
    one_torch_thread,
)

METADATA = {"model_name": "a model", "source": "a wheel", "licence": "a licence"}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Several test processes share the cores; torch's own threads would wait for each other."""
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def random_net():
    torch.manual_seed(0)
    return CamPlusPlus(embedding_size=24).eval()


@pytest.fixture(scope="module")
def weights():
    return public_weights("campplus")


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export(CAMPPLUS, weights, path, METADATA)
    return path


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# The network


def test_size_is_that_of_the_paper():
    n_parameters = sum(p.numel() for p in CamPlusPlus(embedding_size=512).parameters())
    assert round(n_parameters / 1e6, 2) == 7.18  # table 1 of the paper


@pytest.mark.parametrize("n_frames", [1, 99, 100, 101, 250, 300])
def test_segment_matrices_pool_and_spread_like_a_loop(n_frames):
    x = noise(3, n_frames)
    pool, spread = segment_matrices(torch.from_numpy(x))
    segments = [x[:, i : i + 100] for i in range(0, n_frames, 100)]
    means = np.stack([s.mean(1) for s in segments], axis=1)
    np.testing.assert_allclose(x @ pool.numpy(), means + x.mean(1, keepdims=True), atol=1e-5)
    spread_out = np.concatenate(
        [np.repeat(means[:, i : i + 1], s.shape[1], axis=1) for i, s in enumerate(segments)], axis=1
    )
    np.testing.assert_allclose(means @ spread.numpy(), spread_out, atol=1e-6)


def test_context_mask_is_the_papers_formula_frame_by_frame():
    torch.manual_seed(1)
    layer = ContextAwareMasking(dilation=2).eval()
    x = torch.from_numpy(noise(2, 128, 1, 230))
    w1, w2 = layer.linear1.weight[:, :, 0, 0], layer.linear2.weight[:, :, 0, 0]
    local = torch.nn.functional.conv1d(
        x[:, :, 0], layer.linear_local.weight[:, :, 0], padding=2, dilation=2
    )
    with torch.inference_mode():
        got = layer(x, *segment_matrices(x))[:, :, 0]
        for t in (0, 99, 100, 199, 200, 229):
            start = t // 100 * 100
            context = x[:, :, 0].mean(-1) + x[:, :, 0, start : start + 100].mean(-1)
            hidden = torch.relu(context @ w1.T + layer.linear1.bias)
            mask = torch.sigmoid(hidden @ w2.T + layer.linear2.bias)
            torch.testing.assert_close(got[:, :, t], local[:, :, t] * mask, atol=1e-5, rtol=0)


def test_pooling_is_mean_and_unbiased_deviation():
    x = noise(2, 5, 1, 37)
    expected = np.concatenate([x.mean(-1), x.std(-1, ddof=1)], axis=1)[..., np.newaxis]
    np.testing.assert_allclose(mean_and_std(torch.from_numpy(x)), expected, atol=1e-5)


def test_pooling_of_one_frame_has_no_deviation():
    pooled = mean_and_std(torch.tensor([[[[2.0]], [[-3.0]]]]))
    assert pooled.flatten().tolist() == [2.0, -3.0, 0.0, 0.0]


@pytest.mark.parametrize("n_frames", [1, 2, 3, 50, 148, 201, 333])
def test_every_length_gives_finite_embeddings(random_net, n_frames):
    with torch.inference_mode():
        embs = random_net(torch.from_numpy(noise(2, n_frames, 80)))
    assert embs.shape == (2, 24)
    assert torch.isfinite(embs).all()


def test_windows_of_a_batch_do_not_mix(random_net):
    feats = torch.from_numpy(noise(4, 148, 80))
    with torch.inference_mode():
        together = random_net(feats)
        alone = torch.cat([random_net(window[None]) for window in feats])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


# Checkpoints


def checkpoint(net):
    """The state in the form of public checkpoints: 1-D convolutions after the head."""
    return {
        name: value[:, :, 0] if name.startswith("xvector") and value.dim() == 4 else value
        for name, value in net.state_dict().items()
    }


def test_checkpoint_with_1d_convolutions_loads_exactly(random_net, tmp_path):
    torch.save(checkpoint(random_net), tmp_path / "net.pt")
    loaded = load_campplus(tmp_path / "net.pt")
    assert not loaded.training
    feats = torch.from_numpy(noise(1, 120, 80))
    with torch.inference_mode():
        torch.testing.assert_close(loaded(feats), random_net(feats), atol=0, rtol=0)


def test_checkpoint_with_a_missing_tensor_is_refused(random_net, tmp_path):
    state = checkpoint(random_net)
    del state["head.conv1.weight"]
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(RuntimeError, match=r"Missing key.*head\.conv1\.weight"):
        load_campplus(tmp_path / "net.pt")


def test_code_in_a_checkpoint_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"xvector.dense.linear.weight": RunsCode()}, tmp_path / "net.pt")
    with pytest.raises(pickle.UnpicklingError):
        load_campplus(tmp_path / "net.pt")
    assert not (tmp_path / "intruder").exists()


# Export


@pytest.mark.parametrize(
    ("n_windows", "n_frames"), [(1, 50), (8, 148), (7, 199), (2, 201), (3, 250), (1, 1500)]
)
def test_onnx_agrees_with_torch_for_every_length_and_batch(weights, exported, n_windows, n_frames):
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    feats = noise(n_windows, n_frames, 80, seed=n_frames)
    (embs,) = session.run(["embs"], {"feats": feats})
    with torch.inference_mode():
        expected = load_campplus(weights)(torch.from_numpy(feats)).numpy()
    assert embs.shape == (n_windows, 192)
    np.testing.assert_allclose(embs, expected, atol=MAX_DIFFERENCE, rtol=0)


def test_onnx_has_free_axes_and_says_what_it_is(exported):
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["B", "T", 80]
    assert session.get_outputs()[0].shape == ["B", 192]
    assert session.get_modelmeta().custom_metadata_map == METADATA


def test_export_is_reproducible_and_free_of_local_paths(weights, exported, tmp_path):
    export(CAMPPLUS, weights, tmp_path / "again.onnx", METADATA)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()
    assert str(PROJECT).encode() not in exported.read_bytes()


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_export_that_computes_something_else_is_refused(weights, exported, tmp_path, factor):
    model = onnx.load(exported)
    tensor = next(t for t in model.graph.initializer if t.dims[:2] == [192, 1024])
    changed = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ExportError, match=r"differs from torch by .*, expected at most 1e-04"):
        compare_with_torch(load_campplus(weights), CAMPPLUS, tmp_path / "net.onnx")


# On speech


def sample_windows():
    """Cut the sample recording's turns into 1.5 s windows: features (n, 148, 80) and speakers."""
    samples, rate = soundfile.read(PROJECT / "data" / "sample" / "sample.wav", dtype="float32")
    feats, speakers = [], []
    for line in (PROJECT / "data" / "sample" / "sample.rttm").read_text().splitlines():
        fields = line.split()
        start, n_samples = int(float(fields[3]) * rate), int(float(fields[4]) * rate)
        for first in range(start, start + n_samples - 24000, 12000):
            mels = log_mels(samples[first : first + 24000])
            feats.append(mels - mels.mean(0))
            speakers.append(fields[7])
    return np.stack(feats), np.array(speakers)


def log_mels(samples):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(16000, (samples * 32768).tolist())
    return np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])


def test_windows_of_one_speaker_are_more_alike_than_those_of_two(exported):
    feats, speakers = sample_windows()
    assert feats.shape[1:] == (148, 80)
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    (embs,) = session.run(["embs"], {"feats": feats})
    embs /= np.linalg.norm(embs, axis=1, keepdims=True)
    cosines = embs @ embs.T
    same = speakers[:, np.newaxis] == speakers
    others = ~np.eye(len(speakers), dtype=bool)
    assert cosines[same & others].mean() > cosines[~same].mean() + 0.2
