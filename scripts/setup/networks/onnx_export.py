"""Turn public weights into the ONNX file that is served, and refuse one that does not agree."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import torch

from setup.networks.campplus import load_campplus
from setup.networks.segmentation import load_segmentation

if TYPE_CHECKING:
    from pathlib import Path

    from setup.networks.served import ExportedNetwork, Interface, Shape

OPSET = 17
MAX_DIFFERENCE = 1e-4  # torch against ONNX Runtime, absolute; outputs are of size 1 and more
# What the exporter says about torch's own layers: their checks of shapes, statistics of the input,
# recurrence. Whether such an export is right is seen by comparing it with torch.
DOUBTS = (
    "Converting a tensor to a Python boolean might cause the trace to be incorrect",
    "ONNX export mode is set to TrainingMode.EVAL, but operator 'instance_norm'",
    "Exporting a model to ONNX with a batch_size other than 1",
)
LOADERS = {"campplus": load_campplus, "segmentation": load_segmentation}


class ExportError(ValueError):
    """The exported network does not compute what the torch network computes."""


def export(
    network: ExportedNetwork, weights: Path, onnx_path: Path, metadata: dict[str, str]
) -> None:
    """Export a public checkpoint and check the result.

    Parameters
    ----------
    network
        Which network it is.
    weights
        Checkpoint file.
    onnx_path
        Where the ONNX file is written (not atomically: the caller moves it to its place).
    metadata
        What the file says about itself: the model's name, where its weights come from, licence.

    Raises
    ------
    ExportError
        If torch and ONNX Runtime differ by more than 1e-4 anywhere.
    """
    net = LOADERS[network.module](weights)
    with one_torch_thread():
        write_onnx(net, network.interface, onnx_path)
        add_metadata(onnx_path, metadata)
        refuse_disagreement(net, network, onnx_path)


def write_onnx(net: torch.nn.Module, interface: Interface, onnx_path: Path) -> None:
    """Write `net` with the names and the free axes of its interface."""
    example = torch.zeros(interface.tried_shapes[0])  # any shape does
    with warnings.catch_warnings():
        # The older exporter folds batch normalisation and keeps axes free in one pass; torch
        # announces its end, hence the pinned torch version.
        warnings.simplefilter("ignore", DeprecationWarning)
        for doubt in DOUBTS:
            warnings.filterwarnings("ignore", doubt)
        torch.onnx.export(
            net,
            (example,),
            str(onnx_path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[interface.input_name],
            output_names=[interface.output_name],
            dynamic_axes={
                interface.input_name: free_axes(interface.input_axes),
                interface.output_name: free_axes(interface.output_axes),
            },
        )


def free_axes(axes: tuple[str | int, ...]) -> dict[int, str]:
    """Return the axes that must be free, by their position."""
    return {i: axis for i, axis in enumerate(axes) if isinstance(axis, str) and axis.isupper()}


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


def largest_difference(net: torch.nn.Module, shapes: tuple[Shape, ...], onnx_path: Path) -> float:
    """Return the largest absolute difference between torch and ONNX Runtime on seeded noise."""
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    (tensor,) = session.get_inputs()
    rng = np.random.default_rng(0)
    differences = []
    for shape in shapes:
        noise = rng.normal(size=shape).astype(np.float32)
        (served,) = session.run(None, {tensor.name: noise})
        with torch.inference_mode():
            expected = net(torch.from_numpy(noise)).numpy()
        differences.append(np.abs(served - expected).max())
    return float(np.max(differences))  # a NaN stays a NaN


def refuse_disagreement(net: torch.nn.Module, network: ExportedNetwork, onnx_path: Path) -> None:
    """Raise `ExportError` unless torch and ONNX Runtime agree (a NaN does not)."""
    difference = largest_difference(net, network.compared_shapes, onnx_path)
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(
            f"the exported network differs from torch by {difference:.1e}, "
            f"expected at most {MAX_DIFFERENCE:.0e}; it was not installed"
        )
