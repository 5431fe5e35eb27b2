"""What the figures of a run depend on: machine, versions, command line."""

import argparse
import os
from pathlib import Path
from typing import Any

from measure.evaluation.provenance import provenance

GIGA = 1e9


def origin() -> dict[str, Any]:
    """As for evaluate.py, with the machine's memory and without a scorer."""
    found = provenance(md_eval=Path())
    del found["versions"]["md-eval"]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found["machine"]["memory_gb"] = round(memory / GIGA, 1)
    return found


def told_options(options: argparse.Namespace) -> dict[str, Any]:
    """The command line, ready for JSON, without what has no influence on the figures."""
    told = {name: value for name, value in vars(options).items() if name not in ("output", "docs")}
    told["peer"] = [f"{peer.name}: {peer.command}" for peer in options.peer]
    told["trade"] = [path.name for path in options.trade]
    told["audio_dir"] = options.audio_dir and options.audio_dir.name
    return told
