"""Options that tell how much of a run is told."""

import argparse


def add_console(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    one_of = parser.add_argument_group("console").add_mutually_exclusive_group()
    one_of.add_argument(
        "-v", "--verbose", action="store_true", help="tell what is sent and how long stages take"
    )
    one_of.add_argument(
        "-q", "--quiet", action="store_true", help="tell errors only: no bar, no summary"
    )
