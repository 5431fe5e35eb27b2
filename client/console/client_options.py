"""The client's command line, put together of its groups."""

import argparse
import shutil
from collections.abc import Sequence

from console.help_text import DESCRIPTION, EPILOG
from console.option_groups.console import add_console
from console.option_groups.guarded import add_access
from console.option_groups.output import add_output, check_output
from console.option_groups.recordings import add_recordings, check_recordings
from console.option_groups.request import add_request, check_request
from console.option_groups.scores import add_scores
from console.option_groups.service import add_service
from console.option_groups.voices import add_voices, check_voices

MOST_COLUMNS = 100


def parsed_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = client_parser()
    options = parser.parse_args(argv)
    check_recordings(parser, options)
    check_output(parser, options)
    check_request(parser, options)
    check_voices(parser, options)
    return options


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal, but lines stay short enough to be read."""

    def __init__(self, prog: str) -> None:
        columns = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
        super().__init__(prog, max_help_position=30, width=columns - 2)


def client_parser() -> argparse.ArgumentParser:
    """All options, in the order of --help."""
    parser = argparse.ArgumentParser(
        prog="client.py",
        usage="%(prog)s (--audio_file PATH [PATH ...] | --wavscp PATH) [option ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    for add_group in (
        add_recordings,
        add_output,
        add_request,
        add_voices,
        add_service,
        add_access,
        add_scores,
        add_console,
    ):
        add_group(parser)
    return parser
