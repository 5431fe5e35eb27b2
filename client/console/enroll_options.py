"""The command line of enroll.py."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from console.option_groups.guarded import add_access
from console.option_groups.service import add_service
from console.option_groups.voices import add_threshold
from console.option_values import path
from voices.names import usable_name

DEFAULT_FILE = Path("voices.db")

EPILOG = """\
examples:
  enroll.py --name Ana ana.wav                      keep Ana's voice in voices.db
  enroll.py --name Ana call-1.wav call-2.wav        several recordings make it surer
  enroll.py --name 'Ana María' ana.wav              is kept as Ana_María: RTTM's names have no space
  enroll.py --name Ana --replace new.wav            forget what was kept of Ana before
  enroll.py --list
  enroll.py --remove Ana
  client.py --audio_file meeting.wav --voices voices.db

A recording holds one person alone, with 3 s of speech at least; 10 s and more are better. One in
which several people are heard is refused, and so is one that sounds like no other recording of
that name. Of the recordings in one line all are kept or none.

The file holds, for each recording, the name, the mean direction of the voice, the speaker network
that made it, file name and SHA-256, seconds of speech and date; no audio. Voices are personal data:
the file is made readable for you alone (mode 0600).

exit codes:
  0    done
  1    a recording was refused or failed, the service cannot be reached, or nobody of the name to
       remove is enrolled: nothing was changed
  2    wrong usage, or a file of voices that cannot be used: nothing was sent
  130  interrupted by Ctrl-C: nothing was kept
"""


def parsed_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    # Not by argparse, which would look for it first, and tell of no misspelt option.
    if options.name is None and options.remove is None and not options.list:
        parser.error("one of the arguments --name --list --remove is required")
    if options.name is not None and not options.audio:
        parser.error("--name needs recordings of that person, got none")
    if options.name is None and (options.audio or options.replace or options.force):
        parser.error("recordings, --replace and --force go with --name")
    options.audio = list(dict.fromkeys(options.audio))
    for option in ("name", "remove"):
        if (given := getattr(options, option)) is not None:
            setattr(options, option, _name(parser, given))
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="enroll.py",
        usage="%(prog)s (--name NAME AUDIO [AUDIO ...] | --list | --remove NAME) [option ...]",
        description="Keep people's voices, so that client.py --voices calls them by their names.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--name", metavar="NAME", help="who talks in the recordings")
    one_of.add_argument("--list", action="store_true", help="tell who is enrolled, and from what")
    one_of.add_argument("--remove", metavar="NAME", help="forget this person")
    add = parser.add_argument
    add("audio", metavar="AUDIO", nargs="*", type=path, help="recordings of that person alone")
    add(
        "--voices",
        metavar="FILE",
        type=path,
        default=DEFAULT_FILE,
        help="where voices are kept (default: %(default)s)",
    )
    add("--replace", action="store_true", help="forget what was kept under that name before")
    add("--force", action="store_true", help="take the recordings for one person's all the same")
    add_threshold(add)
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add("-v", "--verbose", action="store_true", help="tell what is sent")
    add_service(parser)
    add_access(parser)
    return parser


def _name(parser: argparse.ArgumentParser, given: str) -> str:
    try:
        name = usable_name(given)
    except ValueError as error:
        parser.error(str(error))
    if name != given:
        print(f"{parser.prog}: {given!r} becomes {name}", file=sys.stderr)
    return name
