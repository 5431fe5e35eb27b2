"""Export a network to ONNX and compare it with torch; check any ONNX file before it is served."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import torch

from setup.fetching import SetupError
from setup.networks.campplus import load_campplus
from setup.networks.segmentation import load_segmentation

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from setup.networks.interfaces import Axes, ExportedNetwork, Interface, Shape

OPSET = 17
MAX_DIFFERENCE = 1e-4  # torch against ONNX Runtime, absolute; outputs are of size 1 and more
# Warnings of the exporter about torch's own layers: their shape checks, input statistics and
# recurrence. The comparison with torch shows whether such an export is right.
HARMLESS_WARNINGS = (
    "Converting a tensor to a Python boolean might cause the trace to be incorrect",
    "ONNX export mode is set to TrainingMode.EVAL, but operator 'instance_norm'",
    "Exporting a model to ONNX with a batch_size other than 1",
)
LOADERS = {"campplus": load_campplus, "segmentation": load_segmentation}


class ExportError(SetupError):
    """The exported network does not compute what the torch network computes."""


class InterfaceError(SetupError):
    """The file is not an ONNX model with the expected interface."""


# Export


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
        Properties of the ONNX file: the model's name, the source of its weights, their licence.

    Raises
    ------
    ExportError
        If torch and ONNX Runtime differ by more than 1e-4 anywhere.
    """
    net = LOADERS[network.module](weights)
    with one_torch_thread():
        write_onnx(net, network.interface, onnx_path)
        add_metadata(onnx_path, metadata)
        compare_with_torch(net, network, onnx_path)


def write_onnx(net: torch.nn.Module, interface: Interface, onnx_path: Path) -> None:
    """Write `net` with the names and the free axes of its interface."""
    example = torch.zeros(interface.trial_shapes[0])  # any shape does
    with warnings.catch_warnings():
        # The older exporter folds batch normalisation and keeps axes free in one pass; torch
        # announces its end, hence the pinned torch version.
        warnings.simplefilter("ignore", DeprecationWarning)
        for message in HARMLESS_WARNINGS:
            warnings.filterwarnings("ignore", message)
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


def free_axes(axes: Axes) -> dict[int, str]:
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


def compare_with_torch(net: torch.nn.Module, network: ExportedNetwork, onnx_path: Path) -> None:
    """Raise `ExportError` if torch and ONNX Runtime disagree on seeded noise."""
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    differences = []
    for shape in network.compared_shapes:
        noise = rng.normal(size=shape).astype(np.float32)
        (served,) = session.run(None, {network.interface.input_name: noise})
        with torch.inference_mode():
            expected = net(torch.from_numpy(noise)).numpy()
        differences.append(np.abs(served - expected).max())
    difference = float(np.max(differences))
    if not difference <= MAX_DIFFERENCE:  # also where it is NaN
        raise ExportError(
            f"the exported network differs from torch by {difference:.1e}, "
            f"expected at most {MAX_DIFFERENCE:.0e}; it was not installed"
        )


# Check


@dataclass(frozen=True)
class CheckedOnnx:
    """What a checked model reports about itself."""

    output_dims: list[int]  # of one row of a batch
    metadata: dict[str, str]


def check_onnx(onnx_path: Path, interface: Interface, shown_as: str) -> CheckedOnnx:
    """Check a model's tensors and run it once for each trial shape of its interface.

    Parameters
    ----------
    onnx_path
        The file to check.
    interface
        The expected inputs and outputs.
    shown_as
        Name of the file in error messages.

    Raises
    ------
    InterfaceError
        Saying what was found and what was expected.
    """
    session = load(onnx_path, shown_as)
    for role, tensors, name, axes in (
        ("input", session.get_inputs(), interface.input_name, interface.input_axes),
        ("output", session.get_outputs(), interface.output_name, interface.output_axes),
    ):
        if not tensor_fits(tensors, name, axes):
            found = ", ".join(f"'{t.name}' {t.type} {tuple(t.shape)}" for t in tensors) or "none"
            sizes, free = ", ".join(map(str, axes)), " and ".join(free_axes(axes).values())
            raise InterfaceError(
                f"{shown_as}: {role} is {found}, "
                f"expected one {role} '{name}' float ({sizes}), {free} free"
            )
    dims = {trial_run(session, interface, shape, shown_as) for shape in interface.trial_shapes}
    if len(dims) != 1:
        raise InterfaceError(
            f"{shown_as}: size of {interface.output_name} changes with the input, "
            f"got {sorted(dims)}, expected one"
        )
    return CheckedOnnx(list(dims.pop()), dict(session.get_modelmeta().custom_metadata_map))


def load(onnx_path: Path, shown_as: str) -> onnxruntime.InferenceSession:
    """Open the file with ONNX Runtime; `InterfaceError` if it cannot be read."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal only: the exception has the reason
    try:
        return onnxruntime.InferenceSession(
            str(onnx_path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors share no public base class
        reason = str(error).strip().splitlines()[0].replace(str(onnx_path), shown_as)
        raise InterfaceError(
            f"{shown_as}: ONNX Runtime cannot load it ({reason}); "
            "expected one self-contained .onnx file"
        ) from error


def tensor_fits(tensors: list[onnxruntime.NodeArg], name: str, axes: Axes) -> bool:
    """Whether there is exactly one tensor, of this name, type and shape."""
    return (
        len(tensors) == 1
        and tensors[0].name == name
        and tensors[0].type == "tensor(float)"
        and len(tensors[0].shape) == len(axes)
        and all(map(axis_fits, tensors[0].shape, axes))
    )


def axis_fits(found: str | int | None, expected: str | int) -> bool:
    """Whether one declared axis (a number, or a word or None if free) is acceptable."""
    if isinstance(expected, int):
        return found == expected
    return not (expected.isupper() and isinstance(found, int))


def trial_run(
    session: onnxruntime.InferenceSession, interface: Interface, shape: Shape, shown_as: str
) -> Shape:
    """Run the model on seeded noise of a shape; return the dims of one row of its output."""
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    trial = f"{shown_as}: with {interface.input_name} {shape}"
    try:
        rows: NDArray[np.float32] = session.run(None, {interface.input_name: noise})[0]
    except Exception as error:  # as in load()
        reason = str(error).strip().splitlines()[0]
        raise InterfaceError(
            f"{trial} it fails ({reason}), expected {interface.output_name}"
        ) from error
    expected = (shape[0], *interface.output_axes[1:])
    if rows.ndim != len(expected) or not all(map(size_fits, rows.shape, expected)):
        text = ", ".join(map(str, expected))
        raise InterfaceError(f"{trial} {interface.output_name} is {rows.shape}, expected ({text})")
    if not np.isfinite(rows).all():
        raise InterfaceError(
            f"{trial} {interface.output_name} holds NaN or infinity, expected finite numbers"
        )
    return tuple(rows.shape[1:])


def size_fits(size: int, expected: str | int) -> bool:
    """Whether one axis of an output has the expected size; no axis may be empty."""
    return size == expected if isinstance(expected, int) else size > 0
