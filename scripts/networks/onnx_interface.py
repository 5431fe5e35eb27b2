"""Check that an ONNX file is a speaker model: `feats` (B, T, 80) in, `embs` (B, dim) out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_MELS = 80
TRIED_SHAPES = ((1, 148), (3, 200))  # (windows, frames) of the two trial runs
RANDOM_SEED = 0


class InterfaceError(ValueError):
    """The file is not an ONNX speaker model with WeSpeaker's interface."""


@dataclass(frozen=True)
class SpeakerOnnx:
    """What a checked speaker model tells about itself."""

    embedding_size: int
    metadata: dict[str, str]


def check_speaker_onnx(onnx_path: Path, shown_as: str) -> SpeakerOnnx:
    """Check a speaker model's tensors and run it twice.

    Parameters
    ----------
    onnx_path
        The file to check.
    shown_as
        What error messages call it.

    Raises
    ------
    InterfaceError
        Saying what was found and what was expected.
    """
    session = load(onnx_path, shown_as)
    check_tensor(session.get_inputs(), "input", "feats", ("B", "T", N_MELS), shown_as)
    check_tensor(session.get_outputs(), "output", "embs", ("B", "dim"), shown_as)
    sizes = {trial_run(session, shape, shown_as) for shape in TRIED_SHAPES}
    if len(sizes) != 1:
        raise InterfaceError(
            f"{shown_as}: embedding size changes with the input, got {sorted(sizes)}, expected one"
        )
    return SpeakerOnnx(sizes.pop(), dict(session.get_modelmeta().custom_metadata_map))


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


def check_tensor(
    tensors: list[onnxruntime.NodeArg],
    role: str,
    name: str,
    expected: tuple[str | int, ...],
    shown_as: str,
) -> None:
    """Refuse unless there is one tensor of this name, type and shape.

    In `expected` an upper-case word is an axis that must be free, a lower-case word one that
    may be anything, a number one that must be exactly that.
    """
    wanted = f"one {role} '{name}' float ({', '.join(map(str, expected))}), B and T free"
    found = ", ".join(f"'{t.name}' {t.type} {tuple(t.shape)}" for t in tensors) or "none"
    fits = (
        len(tensors) == 1
        and tensors[0].name == name
        and tensors[0].type == "tensor(float)"
        and len(tensors[0].shape) == len(expected)
        and all(map(axis_fits, tensors[0].shape, expected))
    )
    if not fits:
        raise InterfaceError(f"{shown_as}: {role} is {found}, expected {wanted}")


def axis_fits(found: str | int | None, expected: str | int) -> bool:
    """Tell whether one axis of the file (a number, or a word or None if free) is acceptable."""
    if isinstance(expected, int):
        return found == expected
    return not (expected.isupper() and isinstance(found, int))


def trial_run(session: onnxruntime.InferenceSession, shape: tuple[int, int], shown_as: str) -> int:
    """Embed seeded noise of shape (windows, frames); return the embedding size it gives."""
    n_windows, n_frames = shape
    rng = np.random.default_rng(RANDOM_SEED)
    feats = rng.normal(size=(n_windows, n_frames, N_MELS)).astype(np.float32)
    trial = f"{shown_as}: with feats {feats.shape}"
    try:
        embs: NDArray[np.float32] = session.run(["embs"], {"feats": feats})[0]
    except Exception as error:  # as in load()
        reason = str(error).strip().splitlines()[0]
        raise InterfaceError(f"{trial} it fails ({reason}), expected embeddings") from error
    if embs.ndim != 2 or embs.shape[0] != n_windows or embs.shape[1] < 1:  # noqa: PLR2004
        raise InterfaceError(f"{trial} embs is {embs.shape}, expected ({n_windows}, dim)")
    if not np.isfinite(embs).all():
        raise InterfaceError(f"{trial} embs holds NaN or infinity, expected finite numbers")
    return int(embs.shape[1])
