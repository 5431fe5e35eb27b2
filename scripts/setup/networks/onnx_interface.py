"""Check that an ONNX file has the interface of the network it is to be served as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from setup.networks.served import Interface, Shape

RANDOM_SEED = 0


class InterfaceError(ValueError):
    """The file is not an ONNX model with the interface that is expected."""


@dataclass(frozen=True)
class CheckedOnnx:
    """What a checked model tells about itself."""

    output_dims: list[int]  # of one row of a batch
    metadata: dict[str, str]


def check_onnx(onnx_path: Path, interface: Interface, shown_as: str) -> CheckedOnnx:
    """Check a model's tensors and run it once for each shape that its interface tries.

    Parameters
    ----------
    onnx_path
        The file to check.
    interface
        What it must take and give.
    shown_as
        What error messages call the file.

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
            raise InterfaceError(
                f"{shown_as}: {role} is {described(tensors)}, expected {wanted(role, name, axes)}"
            )
    dims = {trial_run(session, interface, shape, shown_as) for shape in interface.tried_shapes}
    if len(dims) != 1:
        raise InterfaceError(
            f"{shown_as}: size of {interface.output_name} changes with the input, "
            f"got {sorted(dims)}, expected one"
        )
    return CheckedOnnx(list(dims.pop()), dict(session.get_modelmeta().custom_metadata_map))


def load(onnx_path: Path, shown_as: str) -> onnxruntime.InferenceSession:
    """Open the file with ONNX Runtime; `InterfaceError` if it cannot be read."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal only: our own sentence says what is wrong
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


def described(tensors: list[onnxruntime.NodeArg]) -> str:
    """Say which tensors a file has."""
    return ", ".join(f"'{t.name}' {t.type} {tuple(t.shape)}" for t in tensors) or "none"


def wanted(role: str, name: str, axes: tuple[str | int, ...]) -> str:
    """Say which tensor it should have."""
    free = " and ".join(axis for axis in axes if isinstance(axis, str) and axis.isupper())
    return f"one {role} '{name}' float ({', '.join(map(str, axes))}), {free} free"


def tensor_fits(tensors: list[onnxruntime.NodeArg], name: str, axes: tuple[str | int, ...]) -> bool:
    """Tell whether there is one tensor, of this name, type and shape."""
    return (
        len(tensors) == 1
        and tensors[0].name == name
        and tensors[0].type == "tensor(float)"
        and len(tensors[0].shape) == len(axes)
        and all(map(axis_fits, tensors[0].shape, axes))
    )


def axis_fits(found: str | int | None, expected: str | int) -> bool:
    """Tell whether one axis of the file (a number, or a word or None if free) is acceptable."""
    if isinstance(expected, int):
        return found == expected
    return not (expected.isupper() and isinstance(found, int))


def trial_run(
    session: onnxruntime.InferenceSession, interface: Interface, shape: Shape, shown_as: str
) -> Shape:
    """Run the model on seeded noise of a shape; return the dims of one row of what it gives."""
    noise = np.random.default_rng(RANDOM_SEED).normal(size=shape).astype(np.float32)
    trial = f"{shown_as}: with {interface.input_name} {shape}"
    try:
        rows: NDArray[np.float32] = session.run(None, {interface.input_name: noise})[0]
    except Exception as error:  # as in load()
        reason = str(error).strip().splitlines()[0]
        raise InterfaceError(
            f"{trial} it fails ({reason}), expected {interface.output_name}"
        ) from error
    expected = (shape[0], *interface.output_axes[1:])
    fits = rows.ndim == len(expected) and all(map(size_fits, rows.shape, expected))
    if not fits:
        text = ", ".join(map(str, expected))
        raise InterfaceError(f"{trial} {interface.output_name} is {rows.shape}, expected ({text})")
    if not np.isfinite(rows).all():
        raise InterfaceError(
            f"{trial} {interface.output_name} holds NaN or infinity, expected finite numbers"
        )
    return tuple(rows.shape[1:])


def size_fits(size: int, expected: str | int) -> bool:
    """Tell whether one axis of an output is as long as expected; no axis may be empty."""
    return size == expected if isinstance(expected, int) else size > 0
