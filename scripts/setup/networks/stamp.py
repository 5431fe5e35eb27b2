"""The note beside an installed model that says what it is and proves it is whole.

It lies beside the model as `model.onnx.json`. It is written after the model, so that a run killed
between the two leaves a note that does not fit, and the next run installs again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from setup.fetching import atomic_file, sha256_of

# The code that decides what an export holds, beside the network's own.
EXPORTER_SOURCES = ("onnx_export.py", "served.py")


@dataclass(frozen=True)
class Stamp:
    """What is installed: where it came from and the sha256 of each file concerned."""

    name: str
    output_dims: list[int]  # of one row of a batch
    source: str
    source_sha256: str
    exporter_sha256: str  # empty if the file is served as it was fetched
    onnx_sha256: str


def exporter_fingerprint(module: str) -> str:
    """Return the sha256 of the code that exports the network of a module.

    It is read as text: torch need not be imported.
    """
    sources = (Path(__file__).with_name(name) for name in (f"{module}.py", *EXPORTER_SOURCES))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def stamp_path(onnx_path: Path) -> Path:
    """Return where the note of an installed model lies."""
    return onnx_path.with_name(onnx_path.name + ".json")


def write_stamp(onnx_path: Path, stamp: Stamp) -> None:
    """Write the note, atomically."""
    with atomic_file(stamp_path(onnx_path)) as part:
        part.write_text(json.dumps(asdict(stamp), indent=2) + "\n", encoding="utf-8")


def read_stamp(onnx_path: Path) -> Stamp | None:
    """Return the note if it can be read and the model has the sha256 it tells, else None."""
    try:
        fields = json.loads(stamp_path(onnx_path).read_text(encoding="utf-8"))
        stamp = Stamp(**fields)
        whole = sha256_of(onnx_path) == stamp.onnx_sha256
    except (OSError, ValueError, TypeError):  # absent, half-written by hand, or of another kind
        return None
    return stamp if whole else None
