"""Options that give speakers the names of voices."""

import argparse
from collections.abc import Callable

from console.option_values import cosine, path
from voices.voice import DEFAULT_THRESHOLD


def add_voices(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("names for voices").add_argument
    add(
        "--voices",
        metavar="FILE",
        type=path,
        help="people enrolled by enroll.py, who get their names; others stay SPEAKER_00, ...",
    )
    add(
        "--link_speakers",
        action="store_true",
        help="one name, VOICE_000 or an enrolled one, for one voice in all recordings of the run",
    )
    add_threshold(add)


def add_threshold(add: Callable[..., object]) -> None:
    """Add the option by `add`."""
    add(
        "--voice_threshold",
        metavar="COSINE",
        type=cosine,
        default=DEFAULT_THRESHOLD,
        help="how alike two voices are that count as one, above -1 and below 1 (default: "
        "%(default)g; docs/voices.md has the errors at it)",
    )


def check_voices(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program with exit code 2 where the options do not go together."""
    if options.link_speakers and not options.output_directory:
        parser.error(
            "--link_speakers needs --output_directory: names are known when all is answered"
        )
    if options.link_speakers and options.json:
        parser.error(
            "--link_speakers names voices when all is answered, and --json prints before: expected "
            "one of them, or --format json"
        )
