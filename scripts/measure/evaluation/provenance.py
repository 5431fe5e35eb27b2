"""What a figure depends on beside the recordings: code, packages, machine, date."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from measure.evaluation import ROOT

PACKAGES = (
    "nvidia-pytriton",
    "tritonclient",
    "numpy",
    "scipy",
    "onnxruntime",
    "torch",
    "soundfile",
    "soxr",
)


def provenance(md_eval: Path) -> dict[str, Any]:
    """Tell all of it, ready for JSON; what cannot be found out is null."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git": {"commit": _git("rev-parse", "HEAD"), "changed_files": _n_changed_files()},
        "machine": {
            "cpu": cpu_model(),
            "n_cores": len(os.sched_getaffinity(0)),
            "load_before": round(os.getloadavg()[0], 2),
            "system": platform.platform(),
        },
        "versions": {
            "python": platform.python_version(),
            "md-eval": md_eval_version(md_eval),
            **{name: _version(name) for name in PACKAGES},
        },
    }


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Name of the processor as Linux tells it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), flags=re.MULTILINE)
    except OSError:
        return None
    return found.group(1).strip() if found else None


def md_eval_version(md_eval: Path) -> str | None:
    """Version that md-eval.pl names at its beginning."""
    try:
        text = md_eval.read_text(encoding="latin-1")
    except OSError:
        return None
    found = re.search(r'^my \$version = "([^"]+)"', text, flags=re.MULTILINE)
    return found.group(1) if found else None


def _n_changed_files() -> int | None:
    """Number of files that differ from the commit, new ones included."""
    changed = _git("status", "--porcelain", "--untracked-files=all")
    return None if changed is None else len(changed.splitlines())


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
