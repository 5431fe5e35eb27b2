"""Options of the service tried out: a copy of the model repository in which they are set."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from triton_server import MODEL_REPOSITORY


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
