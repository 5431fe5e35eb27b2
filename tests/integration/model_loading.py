"""Load a model's `model.py` as Triton's Python stub does, and have it answer requests."""

from __future__ import annotations

import importlib.util
import json
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from integration.fake_pb_utils import (
    FakeServer,
    InferenceResponse,
    Request,
    TritonError,
    arrays_of,
    stub_module,
)
from integration.model_contract import Arrays, check_arrays, config_dict, require

SENT_WITHIN_S = 60
STUB = "triton_python_backend_utils"
# Never kept from one loading to the next.
BOUND_TO_THE_STUB = (STUB, "diarization.bls", "diarization.metrics", "silero")

_numbers = count()


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module under a name that no other module has."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{next(_numbers)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def loaded(source: Path, server: FakeServer, model_dir: Path | None = None) -> Iterator[ModuleType]:
    """The module of a `model.py`; the fake stub is importable inside the block only.

    Parameters
    ----------
    source
        The file.
    server
        What its calls to other models reach.
    model_dir
        The model's version folder, where the file is not in it (Python-based backends).
    """
    folder = model_dir or source.parent
    before = {name: sys.modules.pop(name, None) for name in BOUND_TO_THE_STUB}
    sys.modules[STUB] = stub_module(server, folder)
    sys.path.insert(0, str(folder))
    try:
        yield import_file(source)
    finally:
        sys.path.remove(str(folder))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def initialize_args(config: pb.ModelConfig, folder: Path, kind: str = "CPU") -> dict[str, str]:
    """What the server gives to `initialize`."""
    return {
        "model_config": json.dumps(config_dict(config)),
        "model_instance_kind": kind,
        "model_instance_name": f"{config.name}_0_0",
        "model_instance_device_id": "0",
        "model_repository": str(folder),
        "model_version": "1",
        "model_name": config.name,
    }


def execute(model: Any, requests: list[Request]) -> list[Arrays | TritonError]:
    """Outputs or error for every request, held against the model's configuration."""
    responses = model.execute(requests)
    require(len(responses) == len(requests), f"{len(responses)} of {len(requests)} responses")
    return [_outcome(*pair) for pair in zip(requests, responses, strict=True)]


def _outcome(request: Request, response: object) -> Arrays | TritonError:
    if response is None:
        with suppress(queue.Empty):
            response = request.sent.get(timeout=SENT_WITHIN_S)
    if not isinstance(response, InferenceResponse):
        raise TypeError(f"execute returned {response!r}")
    error = response.error()
    if error is not None:
        return error
    outputs = arrays_of(response.output_tensors())
    check_arrays(request.config, request.config.output, outputs)
    return outputs
