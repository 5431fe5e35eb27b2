"""Options that name the recordings."""

import argparse
from pathlib import Path


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    group = parser.add_argument_group("recordings, one of the first two")
    one_of = group.add_mutually_exclusive_group(required=True)
    one_of.add_argument(
        "--audio_file", metavar="PATH", help="one file; its recording id is its name without ending"
    )
    one_of.add_argument("--wavscp", metavar="PATH", type=Path, help="a list of recordings")
    group.add_argument(
        "--data_dir", metavar="DIR", help="where relative audio paths start (default: here)"
    )
