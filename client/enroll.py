"""Keep people's voices, so that client.py --voices calls them by their names.

`python enroll.py --help` tells all options and exit codes.
"""

import argparse
import sys
from collections.abc import Sequence

from console.characters import shown
from console.enroll_options import parsed_options
from console.run_report import log, set_up_logging, tell_problems
from formats.atomic_file import OutputError
from formats.result import FormatError
from formats.standard_output import print_bytes, stop_printing
from sending import quiet_grpc  # noqa: F401  before anything imports gRPC
from sending.access import AccessError, access
from sending.retrying import BACKOFF, Backoff
from sending.service import ServiceError
from voices.asking import Asking
from voices.enrolling import refuse_strangers, sounds_like, voice_of
from voices.store import VoiceStore
from voices.voice import Voice, VoicesError

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run with these command-line arguments; returns the exit code.

    `backoff` is how long a recording waits until it is sent again.
    """
    options = parsed_options(argv)
    set_up_logging(options.verbose)
    store = VoiceStore(options.voices)
    try:
        known = [] if options.name and store.is_new else store.voices()
        if not options.list:
            store.refuse_unwritable()
        asking = Asking(options, access(options), backoff)
    except (VoicesError, AccessError) as error:
        return _told(error, USAGE)
    try:
        if options.list:
            return _listed(known)
        if options.remove:
            return _removed(options.remove, store)
        return _enrolled(options, asking, store, known)
    except (VoicesError, ServiceError, FormatError, OutputError) as error:
        return _told(error, SOME_FAILED)
    except BrokenPipeError:
        stop_printing()
        return SOME_FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was kept")
        return INTERRUPTED


def _enrolled(
    options: argparse.Namespace, asking: Asking, store: VoiceStore, known: list[Voice]
) -> int:
    asking.check()
    answers = asking.one_voice(options.audio)
    new = [voice_of(options.name, answer, options.model_name) for answer in answers]
    if not options.force:
        refuse_strangers(new, [] if options.replace else known, options.voice_threshold)
    for voice in new:
        if other := sounds_like(voice, known, options.voice_threshold):
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
    tell_problems(error)
    return code


if __name__ == "__main__":
    sys.exit(main())
