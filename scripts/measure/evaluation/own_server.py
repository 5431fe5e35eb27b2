"""A server for the time of a measurement, with options of the service tried out."""

import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.triton_server import MODEL_REPOSITORY, TritonServer

TERMINATED = 143


@contextlib.contextmanager
def own_server(assignments: Sequence[str], log_folder: Path | None = None) -> Iterator[str]:
    """Start a server, yield its gRPC address, and stop it at the end, also by SIGTERM.

    Parameters
    ----------
    assignments : Sequence[str]
        Options of `run` that are tried, see `repository_with`.
    log_folder : Path | None
        Where its log goes, to be kept; by default it is not.

    Raises
    ------
    ServerError
        If it does not start.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        with tempfile.TemporaryDirectory(prefix="server-") as name:
            temporary = Path(name)
            repository = MODEL_REPOSITORY
            if assignments:
                repository = repository_with(assignments, temporary)
            log = (log_folder or temporary) / "tritonserver.log"
            with TritonServer(log, flags=[f"--model-repository={repository}"]) as server:
                yield server.url
    finally:
        signal.signal(signal.SIGTERM, before)


def repository_with(assignments: Sequence[str], folder: Path) -> Path:
    """Copy the model repository into `folder` and set options of `run` there.

    Parameters
    ----------
    assignments : Sequence[str]
        `section.name=value` each, as in the parameters of `run/config.pbtxt`.
    folder : Path
        An existing folder.

    Returns
    -------
    Path
        The copy; an option that `run` does not know keeps it from loading there.
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
