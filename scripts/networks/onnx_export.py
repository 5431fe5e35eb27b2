"""Turn CAM++ weights into the ONNX file that is served, and refuse one that does not agree."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import torch

from networks import campplus

if TYPE_CHECKING:
    from pathlib import Path

OPSET = 17
MAX_DIFFERENCE = 1e-4  # torch against ONNX Runtime, absolute; embeddings are of size 1
CHECKED_SHAPES = ((1, 50), (3, 148), (2, 199), (2, 201), (1, 333), (1, 1500))  # (windows, frames)


class ExportError(ValueError):
    """The exported network does not compute what the torch network computes."""


def export_campplus(weights: Path, onnx_path: Path, origin: dict[str, str]) -> None:
    """Export a CAM++ checkpoint and check the result.

    Parameters
    ----------
    weights
        Checkpoint file; its name without the ending is the model's name.
    onnx_path
        Where the ONNX file is written (not atomically: the caller moves it to its place).
    origin
        Where the weights come from and their licence, for the file's metadata.

    Raises
    ------
    ExportError
        If torch and ONNX Runtime differ by more than 1e-4 anywhere.
    """
    net = campplus.load_campplus(weights)
    with one_torch_thread():
        write_onnx(net, onnx_path)
        add_metadata(onnx_path, {"model_name": weights.stem, **origin})
        refuse_disagreement(net, onnx_path)


def write_onnx(net: torch.nn.Module, onnx_path: Path) -> None:
    """Write `net` with `feats` (B, T, 80) -> `embs` (B, dim), B and T free."""
    example = torch.zeros(2, 148, campplus.N_MELS)  # any shape does
    with warnings.catch_warnings():
        # The older exporter folds batch normalisation and keeps both axes free in one pass;
        # torch announces its end, hence the pinned torch version.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            (example,),
            str(onnx_path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["feats"],
            output_names=["embs"],
            dynamic_axes={"feats": {0: "B", 1: "T"}, "embs": {0: "B"}},
        )


def add_metadata(onnx_path: Path, metadata: dict[str, str]) -> None:
    """Record `metadata` in the file, in sorted order so that the bytes are reproducible."""
    model = onnx.load(onnx_path)
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx_path.write_bytes(model.SerializeToString(deterministic=True))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread: on a busy machine its waiting threads slow it twentyfold."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def largest_difference(net: torch.nn.Module, onnx_path: Path) -> float:
    """Return the largest absolute difference between torch and ONNX Runtime on seeded noise."""
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    differences = []
    for n_windows, n_frames in CHECKED_SHAPES:
        feats = rng.normal(size=(n_windows, n_frames, campplus.N_MELS)).astype(np.float32)
        (served,) = session.run(["embs"], {"feats": feats})
        with torch.inference_mode():
            expected = net(torch.from_numpy(feats)).numpy()
        differences.append(np.abs(served - expected).max())
    return float(np.max(differences))  # a NaN stays a NaN


def refuse_disagreement(net: torch.nn.Module, onnx_path: Path) -> None:
    """Raise `ExportError` unless torch and ONNX Runtime agree (a NaN does not)."""
    difference = largest_difference(net, onnx_path)
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(
            f"the exported network differs from torch by {difference:.1e}, "
            f"expected at most {MAX_DIFFERENCE:.0e}; it was not installed"
        )
