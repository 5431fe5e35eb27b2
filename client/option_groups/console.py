"""Options that tell how much of a run is told."""

import argparse


def add_console(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("console").add_argument
    add("-v", "--verbose", action="store_true", help="tell what is sent and how long stages take")
