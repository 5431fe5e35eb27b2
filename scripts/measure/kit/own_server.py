"""A server for the time of a measurement, with other options of the service if asked for."""

import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.run_report import log
from server.triton_server import CLIENT_MODELS, MODEL_REPOSITORY, TritonServer

TERMINATED = 143


@contextlib.contextmanager
def server_at(
    url: str | None,
    assignments: Sequence[str] = (),
    log_folder: Path | None = None,
    client_models: str = CLIENT_MODELS,
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """Yield `url`, or the address of a server that is started where there is none."""
    if url:
        yield url
        return
    log.info("starting a server ...")
    with own_server(assignments, log_folder, client_models, flags) as own_url:
        yield own_url


@contextlib.contextmanager
def own_server(
    assignments: Sequence[str],
    log_folder: Path | None = None,
    client_models: str = CLIENT_MODELS,
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """Start a server, yield its gRPC address, and stop it at the end, also on SIGTERM.

    `assignments` are options of `run`, see `repository_with`. The log is deleted unless it has a
    folder. `client_models` are those that may be called; `flags` are Triton's. ServerError if the
    server does not start.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        with tempfile.TemporaryDirectory(prefix="server-") as name:
            temporary = Path(name)
            repository = MODEL_REPOSITORY
            if assignments:
                repository = repository_with(assignments, temporary)
            server_log = (log_folder or temporary) / "tritonserver.log"
            flags = [f"--model-repository={repository}", *flags]
            with TritonServer(server_log, flags=flags, client_models=client_models) as server:
                yield server.url
    finally:
        signal.signal(signal.SIGTERM, before)


def repository_with(assignments: Sequence[str], folder: Path) -> Path:
    """Copy the model repository into `folder` and set options of `run` in the copy.

    `assignments` are `section.name=value`, as in the parameters of `run/config.pbtxt`. With an
    option that `run` does not know, the model fails to load.
    """
    copy = folder / "model_repo"
    shutil.copytree(MODEL_REPOSITORY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    pairs = (assignment.split("=", 1) for assignment in assignments)
    entries = (
        f"{{ key: {json.dumps(key)} value: {{ string_value: {json.dumps(value)} }} }}"
        for key, value in pairs
    )
    with (copy / "run" / "config.pbtxt").open("a", encoding="utf-8") as config:
        config.write(f"\nparameters [ {', '.join(entries)} ]\n")
    return copy
