"""What figures depend on beside the recordings: code, packages, machine, date."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from measure.kit import ROOT
from server.launcher import precision

PACKAGES = (
    "nvidia-pytriton", "tritonclient", "numpy", "scipy",
    "onnxruntime", "onnxruntime-gpu", "openvino", "torch", "torchaudio", "soundfile", "soxr",
)  # fmt: skip
GIGA = 1e9


def provenance(md_eval: Path | None = None) -> dict[str, Any]:
    """Collect all of it for a JSON report, with the scorer if one is used; None if unknown."""
    changed = _git("status", "--porcelain", "--untracked-files=all")
    scorer = {"md-eval": md_eval_version(md_eval)} if md_eval else {}
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git": {
            "commit": _git("rev-parse", "HEAD"),
            "changed_files": None if changed is None else len(changed.splitlines()),
        },
        "machine": {
            "cpu": cpu_model(),
            "n_cores": len(os.sched_getaffinity(0)),
            "precision": precision(),
            "load_before": round(os.getloadavg()[0], 2),
            "system": platform.platform(),
            "memory_gb": round(psutil.virtual_memory().total / GIGA, 1),
            "gpus": gpus(),
        },
        "versions": {
            "python": platform.python_version(),
            **scorer,
            **{name: _version(name) for name in PACKAGES},
        },
    }


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return the name of the processor; Python's `platform` does not know it on Linux."""
    return _found(r"^model name\s*:\s*(.+)$", cpuinfo)


def gpus() -> list[str]:
    """Name, memory and driver of each NVIDIA GPU; none without a driver."""
    query = "--query-gpu=name,memory.total,driver_version"
    lines = _output("nvidia-smi", query, "--format=csv,noheader") or ""
    return [
        f"{name}, {memory}, driver {driver}"
        for name, memory, driver in (line.split(", ") for line in lines.splitlines())
    ]


def md_eval_version(md_eval: Path) -> str | None:
    """Return the version that md-eval.pl states at its beginning."""
    return _found(r'^my \$version = "([^"]+)"', md_eval)


def _found(pattern: str, path: Path) -> str | None:
    try:
        found = re.search(pattern, path.read_text(encoding="latin-1"), flags=re.MULTILINE)
    except OSError:
        return None
    return found.group(1).strip() if found else None


def _git(*arguments: str) -> str | None:
    return _output("git", "-C", str(ROOT), *arguments)


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
