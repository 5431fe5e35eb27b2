"""What the figures of a run depend on: machine, versions, command line."""

import argparse
from typing import Any

from measure.kit.provenance import provenance


def origin() -> dict[str, Any]:
    """As for evaluate.py, without a scorer."""
    return provenance()


def told_options(options: argparse.Namespace) -> dict[str, Any]:
    """The command line, ready for JSON, without what has no influence on the figures."""
    told = {name: value for name, value in vars(options).items() if name not in ("output", "docs")}
    told["peer"] = [f"{peer.name}: {peer.command}" for peer in options.peer]
    told["trade"] = [path.name for path in options.trade]
    told["audio_dir"] = options.audio_dir and options.audio_dir.name
    return told
