"""Check tensors against the inputs and outputs declared in a `config.pbtxt`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format, text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2 as pb

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repo"

Arrays = dict[str, NDArray[Any]]

NUMPY_TYPES: dict[int, type] = {
    pb.TYPE_FP32: np.float32,
    pb.TYPE_FP64: np.float64,
    pb.TYPE_INT16: np.int16,
    pb.TYPE_INT64: np.int64,
    pb.TYPE_STRING: np.object_,
}


class ContractViolationError(BaseException):
    """A model or its caller did something that the real server would refuse.

    No `Exception`, so that no model's error handling can hide it from the test.
    """


def require(condition: bool, text: str) -> None:
    """Raise ContractViolationError with `text` unless the condition holds."""
    if not condition:
        raise ContractViolationError(text)


def read_config(path: Path) -> pb.ModelConfig:
    """A `config.pbtxt` as Triton's protobuf."""
    return text_format.Parse(path.read_text(), pb.ModelConfig())


def config_dict(config: pb.ModelConfig) -> dict[str, Any]:
    """The configuration as the server writes it for models: all fields, dims as numbers."""
    fields: dict[str, Any] = json_format.MessageToDict(
        config, preserving_proto_field_name=True, including_default_value_fields=True
    )
    for tensor in fields["input"] + fields["output"]:
        tensor["dims"] = [int(size) for size in tensor["dims"]]
    return fields


def check_arrays(
    config: pb.ModelConfig,
    declared: Iterable[pb.ModelInput | pb.ModelOutput],
    arrays: Mapping[str, NDArray[Any]],
    *,
    dims_checked: bool = True,
) -> None:
    """Raise unless every array is declared and has the declared type and dimensions."""
    by_name = {tensor.name: tensor for tensor in declared}
    for name, array in arrays.items():
        what = f"{config.name}, tensor '{name}'"
        require(name in by_name, f"{what} is not declared in config.pbtxt")
        wanted, got = NUMPY_TYPES[by_name[name].data_type], array.dtype.type
        require(got is wanted, f"{what}: got {got}, expected {wanted}")
        dims = list(by_name[name].dims)
        fits = dims_fit(array.shape, dims, config.max_batch_size)
        require(fits or not dims_checked, f"{what}: got {array.shape}, expected {dims}")


def dims_fit(shape: tuple[int, ...], dims: list[int], max_batch_size: int) -> bool:
    """Whether a tensor may have this shape; -1 stands for any size."""
    if max_batch_size > 0:
        if not shape or not 1 <= shape[0] <= max_batch_size:
            return False
        shape = shape[1:]
    sizes_fit = all(wanted in (-1, size) for size, wanted in zip(shape, dims, strict=False))
    return len(shape) == len(dims) and sizes_fit
