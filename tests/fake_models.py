"""Weights and a small model repository with its downloads, for tests of set-up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from setup import prepare_models
from setup.fetching import Artifact, artifacts_named, load_artifacts, sha256_of
from setup.networks.campplus import CamPlusPlus
from setup.networks.installing import Stamp, exporter_fingerprint, write_stamp
from setup.networks.interfaces import SPEAKER
from setup.networks.onnx_model import write_onnx
from setup.networks.segmentation import FILTERS, N_BANDS, Segmentation

SAD_BYTES = b"a TorchScript file" * 100
SEGMENTATION_BYTES = b"an ONNX file" * 100


def public_weights(name: str) -> Path:
    """The public weights that set-up has fetched."""
    (artifact,) = artifacts_named(name, load_artifacts())
    if not artifact.path.is_file():
        pytest.fail(f"{artifact.path} is missing: run scripts/setup/fetch.py {name}")
    return artifact.path


class RunsCode:
    """Runs code when unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("intruder",))


class MeanAndProject(torch.nn.Module):
    """The smallest speaker model: the mean over time, projected."""

    def __init__(self, size):
        super().__init__()
        self.linear = torch.nn.Linear(80, size)

    def forward(self, feats):
        return self.linear(feats.mean(1))


def small_onnx(path: Path, size: int = 17) -> Path:
    torch.manual_seed(size)
    write_onnx(MeanAndProject(size).eval(), SPEAKER, path)
    return path


def segmentation_checkpoint(net: Segmentation) -> dict[str, object]:
    """The net in the form of the public checkpoint, with random band edges instead of filters."""
    state = dict(net.state_dict())
    del state[f"{FILTERS}.weight"]
    generator = torch.Generator().manual_seed(4)
    for name, largest in (("low", 6000.0), ("band", 1500.0)):
        drawn = torch.rand(N_BANDS, 1, generator=generator) * largest
        state[f"{FILTERS}.filterbank.{name}_hz_"] = drawn
    state[f"{FILTERS}.filterbank.window_"] = torch.ones(125)
    state[f"{FILTERS}.filterbank.n_"] = torch.ones(1, 125)
    return {"pytorch-lightning_version": "2.0.2", "state_dict": state}


class FakeModels:
    """A model repository, download folders, and a table of small files instead of the real ones.

    The SAD file is in its download folder, so nothing is fetched for it. A placeholder is installed
    as the segmentation model, as exporting one takes seconds.
    """

    def __init__(self, root, monkeypatch, like=None):
        self.root, self.repo, self.downloads = root, root / "repo", root / "downloads"
        self.sad = self.repo / "sad" / "1" / "silero_vad.jit"
        self.segmentation = self.repo / "segmentation" / "1" / "model.onnx"
        self.onnx = self.repo / "speaker_model" / "1" / "model.onnx"
        self.stamp = self.onnx.with_name("model.onnx.json")
        self.download = self.downloads / "voxceleb_resnet34_LM.onnx"
        self.record = self.downloads / "voxceleb_resnet34_LM.onnx.sha256"
        self.weights = self.downloads / "campplus_cn_en_common.pt"
        self.segmentation_weights = self.downloads / "pytorch_model.bin"
        if like is None:
            self.fill_downloads()
            self.install_segmentation()
        else:
            shutil.copytree(like.downloads, self.downloads)
            shutil.copytree(like.repo, self.repo)
        monkeypatch.setenv("SAD_DIR", str(self.downloads))
        monkeypatch.setenv("SEG_MODEL_DIR", str(self.downloads))
        monkeypatch.setenv("SPK_MODEL_DIR", str(self.downloads))
        monkeypatch.setattr(prepare_models, "load_artifacts", self.artifacts)
        self.rows = [
            self.row("silero", "SAD_DIR", self.downloads / "silero_vad.jit"),
            self.row("segmentation-3.0", "SEG_MODEL_DIR", self.segmentation_weights),
            self.row("campplus", "SPK_MODEL_DIR", self.weights),
            Artifact("resnet34_LM", "w", "d", "l", url=f"http://x/{self.download.name}",
                     folder_env="SPK_MODEL_DIR"),
        ]  # fmt: skip

    def fill_downloads(self):
        self.downloads.mkdir()
        (self.downloads / "silero_vad.jit").write_bytes(SAD_BYTES)
        torch.manual_seed(3)
        torch.save(CamPlusPlus(embedding_size=20).state_dict(), self.weights)
        torch.save(segmentation_checkpoint(Segmentation()), self.segmentation_weights)

    def install_segmentation(self):
        self.segmentation.parent.mkdir(parents=True)
        self.segmentation.write_bytes(SEGMENTATION_BYTES)
        stamp = Stamp(
            name="test",
            output_dims=[589, 7],
            source="test",
            source_sha256=sha256_of(self.segmentation_weights),
            exporter_sha256=exporter_fingerprint("segmentation"),
            onnx_sha256=sha256_of(self.segmentation),
        )
        write_stamp(self.segmentation, stamp)

    def row(self, name, variable, path):
        url, digest = f"http://127.0.0.1:9/{path.name}", sha256_of(path)
        return Artifact(name, "w", "d", "l", url=url, sha256=(digest,), folder_env=variable)

    def artifacts(self):
        return self.rows

    def prepare(self, *arguments):
        return prepare_models.main([*arguments, "--model_repo", str(self.repo)])

    def embed(self, n_frames=100):
        session = onnxruntime.InferenceSession(str(self.onnx), providers=["CPUExecutionProvider"])
        return session.run(["embs"], {"feats": np.ones((2, n_frames, 80), np.float32)})[0]
