"""Enroll people's voices, so that client.py --voices can name them.

`python enroll.py --help` lists all options and exit codes.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from console.option_values import path
from console.options import add_access, add_service, add_threshold
from console.run_report import log, log_problems, set_up_logging
from console.text import shown
from formats.atomic_file import OutputError
from formats.output import print_bytes, stop_printing
from formats.result import FormatError
from sending.access import AccessError, access
from sending.in_flight import BACKOFF, Backoff
from sending.service import ServiceError
from voices.enrolling import Enroller, extract_voice, find_similar_name, refuse_mismatches
from voices.store import VoiceStore
from voices.voice import Voice, VoicesError, usable_name

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
DEFAULT_FILE = Path("voices.db")

EPILOG = """\
examples:
  enroll.py --name Ana ana.wav                      enroll Ana's voice in voices.db
  enroll.py --name Ana call-1.wav call-2.wav        several recordings improve recognition
  enroll.py --name 'Ana María' ana.wav              is stored as Ana_María: RTTM allows no space
  enroll.py --name Ana --replace new.wav            replace Ana's earlier recordings
  enroll.py --list
  enroll.py --remove Ana
  client.py --audio_file meeting.wav --voices voices.db

Each recording needs one person alone, with at least 3 s of speech; 10 s or more are better. It is
refused if several people talk in it, or if it does not sound like the other recordings of that
name. Either all recordings of a command are stored or none.

For each recording the file holds the name, the mean embedding of the voice, the speaker network
that made it, file name and SHA-256, seconds of speech and date; no audio. Voices are personal data:
only you can read the file (mode 0600).

exit codes:
  0    done
  1    a recording was refused or failed, the service cannot be reached, or the name to remove is
       not enrolled: nothing was changed
  2    wrong usage, or a file of voices that cannot be used: nothing was sent
  130  interrupted by Ctrl-C: nothing was changed
"""


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run with these command-line arguments and return the exit code.

    `backoff` is how long a recording waits before a retry.
    """
    options = parse_options(argv)
    set_up_logging(options.verbose)
    store = VoiceStore(options.voices)
    try:
        enrolled = [] if options.name and store.is_new else store.voices()
        if not options.list:
            store.refuse_unwritable()
        enroller = Enroller(options, access(options), backoff)
    except (VoicesError, AccessError) as error:
        return _fail(error, USAGE)
    try:
        if options.list:
            return _list(enrolled)
        if options.remove:
            return _remove(options.remove, store)
        return _enroll(options, enroller, store, enrolled)
    except (VoicesError, ServiceError, FormatError, OutputError) as error:
        return _fail(error, SOME_FAILED)
    except BrokenPipeError:
        stop_printing()
        return SOME_FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was changed")
        return INTERRUPTED


def _enroll(
    options: argparse.Namespace, enroller: Enroller, store: VoiceStore, enrolled: list[Voice]
) -> int:
    enroller.check()
    answers = enroller.diarize_one_speaker(options.audio)
    new = [extract_voice(options.name, answer, options.model_name) for answer in answers]
    if not options.force:
        refuse_mismatches(new, [] if options.replace else enrolled, options.voice_threshold)
    for voice in new:
        if other := find_similar_name(voice, enrolled, options.voice_threshold):
            log.warning(
                "%s sounds like %s, who is also enrolled: they may be confused",
                voice.origin.file_name,
                other,
            )
    store.add(new, replace=options.replace)
    for voice in new:
        speech_s = voice.origin.speech_s
        log.info("%s: enrolled, %s, %.1f s of speech", voice.name, voice.origin.file_name, speech_s)
    return OK


def _list(voices: list[Voice]) -> int:
    """Print a line for each recording, with tabs between its columns."""
    for voice in voices:
        origin = voice.origin
        columns = (origin.file_name, f"{origin.speech_s:.1f} s", voice.network, origin.enrolled_at)
        print_bytes(("\t".join(map(shown, (voice.name, *columns))) + "\n").encode(), "the list")
    return OK


def _remove(name: str, store: VoiceStore) -> int:
    n_recordings = store.remove(name)
    if not n_recordings:
        raise VoicesError(f"{store.path} holds no {name!r}, expected a name from --list")
    log.info("%s: removed, %d recording(s)", name, n_recordings)
    return OK


def _fail(error: Exception, code: int) -> int:
    log_problems(error)
    return code


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    # A required group of argparse would hide the message about a misspelt option.
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
        description="Enroll people's voices, so that client.py --voices can name them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--name", metavar="NAME", help="who talks in the recordings")
    one_of.add_argument(
        "--list", action="store_true", help="list who is enrolled, with their recordings"
    )
    one_of.add_argument("--remove", metavar="NAME", help="remove this person")
    add = parser.add_argument
    add("audio", metavar="AUDIO", nargs="*", type=path, help="recordings of that person alone")
    add(
        "--voices",
        metavar="FILE",
        type=path,
        default=DEFAULT_FILE,
        help="where voices are stored (default: %(default)s)",
    )
    add("--replace", action="store_true", help="replace the earlier recordings of that name")
    add("--force", action="store_true", help="accept recordings that seem to hold several people")
    add_threshold(add)
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add("-v", "--verbose", action="store_true", help="log what is sent")
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


if __name__ == "__main__":
    sys.exit(main())
