"""Options that tell where answers go, and as what."""

import argparse

from console.option_groups.formats import add_format, settle_format
from console.option_values import path


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output_directory",
        metavar="DIR",
        type=path,
        help="gets one file rttm_<id> per recording and their joined rttm",
    )
    add_format(group)
    group.add_argument(
        "--report",
        action="store_true",
        help="a page <id>.html per recording to look at and listen to, with errors marked where "
        "--reference is given",
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="a line of JSON on standard output for every recording as it ends, failed ones too",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="skip recordings whose results are there already, whole and of the same making",
    )
    group.add_argument(
        "--dry_run",
        action="store_true",
        help="check everything, tell what would be sent and written; send no audio, write no file",
    )


def check_output(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program with exit code 2 where the options do not go together."""
    if options.resume and not options.output_directory:
        parser.error("--resume needs --output_directory, where the finished files are")
    if options.report and not options.output_directory:
        parser.error("--report needs --output_directory, where the pages go")
    settle_format(parser, options)
