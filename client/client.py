"""Send recordings to the diarization service and write who spoke when, as RTTM and more.

`python client.py --help` lists all options and exit codes. The client is this folder alone: it
imports nothing from the rest of the project.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence

from console.options import parse_options
from console.run_report import log, log_problems, set_up_logging
from formats.atomic_file import OutputError
from formats.output import stop_printing
from live.run import stream_and_score
from sending.in_flight import BACKOFF, Backoff
from sending.preparing import CANNOT_START, dry_run, prepare_run
from sending.run import diarize_and_score
from sending.service import ServiceError
from voices.voice import VoicesError

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run the client with these command-line arguments and return the exit code.

    `backoff` is how long a recording waits before a retry.
    """
    options = parse_options(argv)
    set_up_logging(options.verbose, options.quiet)
    try:
        with contextlib.ExitStack() as until_the_end:
            return _work(options, backoff, until_the_end)
    except CANNOT_START as error:
        log_problems(error)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        stop_printing()
        return SOME_FAILED
    except OSError as error:  # a name that is too long, a folder without permission, ...
        log.error("cannot use %s: %s", error.filename, error.strerror)
        return USAGE


def _work(
    options: argparse.Namespace, backoff: Backoff, until_the_end: contextlib.ExitStack
) -> int:
    work = dry_run if options.dry_run else stream_and_score if options.stream else diarize_and_score
    run = prepare_run(options, backoff, until_the_end)
    try:
        return OK if work(options, run) else SOME_FAILED
    except (ServiceError, OutputError, VoicesError) as error:
        log.error("%s", error)
        return SOME_FAILED
    except KeyboardInterrupt:
        run.report.close(interrupted=True)
        raise


if __name__ == "__main__":
    sys.exit(main())
