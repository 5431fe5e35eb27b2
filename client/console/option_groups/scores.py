"""Options for scoring."""

import argparse

from console.option_values import path


def add_scores(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("scoring").add_argument
    add("--reference", metavar="PATH", type=path, help="score against this RTTM file or folder")
    add("--md_eval", metavar="PATH", help="the scorer md-eval.pl (see below)")
