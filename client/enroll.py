"""Keep people's voices, so that client.py --voices calls them by their names.

`python enroll.py --help` tells all options and exit codes.
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


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run with these command-line arguments; returns the exit code.

    `backoff` is how long a recording waits until it is sent again.
    """
    options = parse_options(argv)
    set_up_logging(options.verbose)
    store = VoiceStore(options.voices)
    try:
        known = [] if options.name and store.is_new else store.voices()
        if not options.list:
            store.refuse_unwritable()
        enroller = Enroller(options, access(options), backoff)
    except (VoicesError, AccessError) as error:
        return _told(error, USAGE)
    try:
        if options.list:
            return _listed(known)
        if options.remove:
            return _removed(options.remove, store)
        return _enrolled(options, enroller, store, known)
    except (VoicesError, ServiceError, FormatError, OutputError) as error:
        return _told(error, SOME_FAILED)
    except BrokenPipeError:
        stop_printing()
        return SOME_FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was kept")
        return INTERRUPTED


def _enrolled(
    options: argparse.Namespace, enroller: Enroller, store: VoiceStore, known: list[Voice]
) -> int:
    enroller.check()
    answers = enroller.diarize_one_speaker(options.audio)
    new = [extract_voice(options.name, answer, options.model_name) for answer in answers]
    if not options.force:
        refuse_mismatches(new, [] if options.replace else known, options.voice_threshold)
    for voice in new:
        if other := find_similar_name(voice, known, options.voice_threshold):
            log.warning(
                "%s sounds like %s, who is enrolled too: they may be taken for each other",
                voice.origin.file_name,
                other,
            )
    store.add(new, replace=options.replace)
    for voice in new:
        speech_s = voice.origin.speech_s
        log.info("%s: kept, %s, %.1f s of speech", voice.name, voice.origin.file_name, speech_s)
    return OK


def _listed(voices: list[Voice]) -> int:
    """Print a line for each recording, its columns separated by tabulators."""
    for voice in voices:
        origin = voice.origin
        columns = (origin.file_name, f"{origin.speech_s:.1f} s", voice.network, origin.enrolled_at)
        print_bytes(("\t".join(map(shown, (voice.name, *columns))) + "\n").encode(), "the list")
    return OK


def _removed(name: str, store: VoiceStore) -> int:
    n_recordings = store.remove(name)
    if not n_recordings:
        raise VoicesError(f"{store.path} holds no {name!r}, expected a name that --list tells")
    log.info("%s: forgotten, %d recording(s)", name, n_recordings)
    return OK


def _told(error: Exception, code: int) -> int:
    log_problems(error)
    return code


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
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


if __name__ == "__main__":
    sys.exit(main())
