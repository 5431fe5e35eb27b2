"""Segmentation: the network against plain formulas and its original, the export against the net."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch

from fake_models import RunsCode, public_weights, segmentation_checkpoint
from setup.fetching import PROJECT
from setup.networks.interfaces import CHUNK_SAMPLES, POWERSET
from setup.networks.onnx_model import (
    MAX_DIFFERENCE,
    ExportError,
    compare_with_torch,
    export,
    one_torch_thread,
)
from setup.networks.segmentation import FILTERS, Segmentation, load_segmentation, sinc_filters
from unit.setup.networks.plain_segmentation import by_plain_formulas

METADATA = {"model_name": "a model", "source": "a wheel", "licence": "a licence"}
SAMPLE = PROJECT / "data" / "sample"

# Log-probabilities of pyannote's own network for the sample recording, by (chunk, frame).
ORIGINAL = {
    (0, 500): [-6.03133, -8.44553, -0.04152, -5.63694, -5.60317, -9.97654, -3.48152],
    (1, 100): [-6.8839, -9.33244, -8.33836, -0.00525, -11.58453, -8.72577, -5.59657],
    (1, 300): [-8.78973, -7.81029, -0.10162, -9.70004, -7.13285, -10.54243, -2.35199],
    (2, 50): [-7.40478, -7.89888, -8.18532, -0.09694, -9.22846, -8.69651, -2.39838],
    (2, 400): [-10.85366, -16.34384, -0.00182, -14.28865, -11.84637, -23.40805, -6.32277],
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Several test processes share the cores; torch's own threads would wait for each other."""
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def weights():
    return public_weights("segmentation-3.0")


@pytest.fixture(scope="module")
def net(weights):
    return load_segmentation(weights)


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export(POWERSET, weights, path, METADATA)
    return path


@pytest.fixture(scope="module")
def session(exported):
    return onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sample_chunks():
    samples, _ = soundfile.read(SAMPLE / "sample.wav", dtype="float32")
    return samples.reshape(3, 1, CHUNK_SAMPLES)


# The filters


@pytest.mark.parametrize(
    ("low", "width", "band"),
    [(0.0, 0.0, (50, 100)), (-250.0, 350.0, (300, 700)), (6950.0, 3000.0, (7000, 8000))],
)
def test_filters_are_windowed_means_of_cosine_and_sine_over_the_band(low, width, band):
    even, odd = sinc_filters(torch.tensor([[low]]), torch.tensor([[width]]))[:, 0].numpy()
    hz = np.linspace(*band, 2001)
    hz = (hz[:-1] + hz[1:]) / 2
    angles = 2 * np.pi * hz * (np.arange(-125, 126) / 16000)[:, np.newaxis]
    np.testing.assert_allclose(even, np.cos(angles).mean(1) * np.hamming(251), atol=1e-5)
    np.testing.assert_allclose(odd, np.sin(angles).mean(1) * np.hamming(251), atol=1e-5)


def test_filters_pass_their_band_only():
    filters = sinc_filters(torch.tensor([[950.0]]), torch.tensor([[450.0]]))[:, 0].numpy()
    gains = np.abs(np.fft.rfft(filters, 16000))  # one bin per Hz
    assert gains[:, 1150:1350].min() > 0.95 * gains.max()
    assert max(gains[:, :800].max(), gains[:, 1700:].max()) < 0.01 * gains.max()


# The network


def test_size_is_that_of_the_original(net):
    filters = net.sincnet.conv1d[0].weight.numel()
    assert sum(p.numel() for p in net.parameters()) - filters + 2 * 40 == 1473265


@torch.inference_mode()
def test_network_is_the_papers_formulas(net):
    wav = noise(1, 6000)
    expected = by_plain_formulas(net, wav)
    assert expected.shape == (19, 7)
    np.testing.assert_allclose(net(torch.from_numpy(wav[np.newaxis]))[0], expected, atol=1e-4)


def test_network_agrees_with_the_original(net):
    with torch.inference_mode():
        logp = net(torch.from_numpy(sample_chunks())).numpy()
    assert logp.shape == (3, 589, 7)
    for place, expected in ORIGINAL.items():
        np.testing.assert_allclose(logp[place], expected, atol=1e-4, rtol=0)


# Checkpoints


def test_checkpoint_loads_exactly(tmp_path):
    torch.manual_seed(0)
    random_net = Segmentation().eval()
    checkpoint = segmentation_checkpoint(random_net)
    torch.save(checkpoint, tmp_path / "net.bin")
    loaded = load_segmentation(tmp_path / "net.bin")
    assert not loaded.training
    edges = [checkpoint["state_dict"][f"{FILTERS}.filterbank.{n}_hz_"] for n in ("low", "band")]
    expected = random_net.state_dict() | {f"{FILTERS}.weight": sinc_filters(*edges)}
    got = loaded.state_dict()
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in got)


def test_checkpoint_with_a_missing_tensor_is_refused(tmp_path):
    checkpoint = segmentation_checkpoint(Segmentation())
    del checkpoint["state_dict"]["lstm.weight_hh_l3"]
    torch.save(checkpoint, tmp_path / "net.bin")
    with pytest.raises(RuntimeError, match=r"Missing key.*lstm\.weight_hh_l3"):
        load_segmentation(tmp_path / "net.bin")


def test_code_in_a_checkpoint_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "hyper_parameters": RunsCode()}, tmp_path / "net.bin")
    with pytest.raises(pickle.UnpicklingError):
        load_segmentation(tmp_path / "net.bin")
    assert not (tmp_path / "intruder").exists()


def test_classes_of_the_public_checkpoint_are_not_imported_and_not_trusted_later(weights):
    trusted = set(torch.serialization.get_safe_globals())
    assert load_segmentation(weights)
    assert "pyannote.audio" not in sys.modules
    assert set(torch.serialization.get_safe_globals()) == trusted


# Export


@pytest.mark.parametrize("n_chunks", [1, 2, 9])
def test_onnx_agrees_with_torch_for_every_batch(net, session, n_chunks):
    wav = 0.1 * noise(n_chunks, 1, CHUNK_SAMPLES, seed=n_chunks)
    (logp,) = session.run(["logp"], {"wav": wav})
    with torch.inference_mode():
        expected = net(torch.from_numpy(wav)).numpy()
    assert logp.shape == (n_chunks, 589, 7)
    np.testing.assert_allclose(logp, expected, atol=MAX_DIFFERENCE, rtol=0)


def test_onnx_agrees_with_torch_on_speech_chunk_by_chunk(net, session):
    chunks = sample_chunks()
    with torch.inference_mode():
        expected = net(torch.from_numpy(chunks)).numpy()
    for chunk, logp in zip(chunks, expected, strict=True):
        (alone,) = session.run(["logp"], {"wav": chunk[np.newaxis]})
        np.testing.assert_allclose(alone[0], logp, atol=MAX_DIFFERENCE, rtol=0)


def test_onnx_has_a_free_batch_and_says_what_it_is(session):
    assert session.get_inputs()[0].shape == ["B", 1, CHUNK_SAMPLES]
    assert session.get_outputs()[0].shape == ["B", 589, 7]
    assert session.get_modelmeta().custom_metadata_map == METADATA


def test_export_is_reproducible_and_free_of_local_paths(weights, exported, tmp_path):
    export(POWERSET, weights, tmp_path / "again.onnx", METADATA)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()
    assert str(PROJECT).encode() not in exported.read_bytes()


def test_export_that_computes_something_else_is_refused(net, exported, tmp_path):
    model = onnx.load(exported)
    tensor = next(t for t in model.graph.initializer if list(t.dims) == [80, 1, 251])
    changed = onnx.numpy_helper.to_array(tensor)[::-1].copy()
    tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ExportError, match=r"differs from torch by .*, expected at most 1e-04"):
        compare_with_torch(net, POWERSET, tmp_path / "net.onnx")


# On audio


def test_silence_is_no_speaker(session):
    (logp,) = session.run(["logp"], {"wav": np.zeros((1, 1, CHUNK_SAMPLES), np.float32)})
    assert np.exp(logp[0, :, 0]).min() > 0.9


def test_speech_and_speakers_of_the_sample_are_found(session):
    (logp,) = session.run(["logp"], {"wav": sample_chunks()})
    classes = logp.argmax(2)
    times_s = (270 * np.arange(589) + 495) / 16000
    spoken = [[], []]
    for line in (SAMPLE / "sample.rttm").read_text().splitlines():
        fields = line.split()
        start_s, length_s = float(fields[3]), float(fields[4])
        spoken[fields[7] == "speaker91"].append((start_s, start_s + length_s))
    wrong = []
    for i in range(3):
        t = times_s + 10 * i
        present = [np.any([(a <= t) & (t < b) for a, b in turns], axis=0) for turns in spoken]
        wrong.append(((classes[i] > 0) != (present[0] | present[1])).mean())
        if i > 0:  # both speak: each has a class of its own, whichever
            alone = [classes[i][present[k] & ~present[1 - k]] for k in (0, 1)]
            own = [np.bincount(labels).argmax() for labels in alone]
            assert own[0] != own[1]
            assert min((labels == k).mean() for labels, k in zip(alone, own, strict=True)) > 0.9
    assert np.mean(wrong) < 0.05
