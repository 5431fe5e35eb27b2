"""Send recordings to the diarization service and write who spoke when, as RTTM and more.

`python client.py --help` tells all options and exit codes. The modules beside this file are the
whole client; they import nothing from the rest of the project.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence

from console.options import parse_options
from console.run_report import log, set_up_logging, tell_problems
from formats.output import OutputError, stop_printing
from sending.in_flight import BACKOFF, Backoff
from sending.preparing import CANNOT_START, dry_run, prepared
from sending.run import diarized_and_scored
from sending.service import ServiceError
from voices.voice import VoicesError

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run the client with these command-line arguments; returns the exit code.

    `backoff` is how long a recording waits until it is sent again.
    """
    options = parse_options(argv)
    set_up_logging(options.verbose, options.quiet)
    try:
        with contextlib.ExitStack() as until_the_end:
            return _worked(options, backoff, until_the_end)
    except CANNOT_START as error:
        tell_problems(error)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        stop_printing()
        return SOME_FAILED
    except OSError as error:  # a name that is too long, a folder that is closed to us, and so on
        log.error("cannot use %s: %s", error.filename, error.strerror)
        return USAGE


def _worked(
    options: argparse.Namespace, backoff: Backoff, until_the_end: contextlib.ExitStack
) -> int:
    work = dry_run if options.dry_run else diarized_and_scored
    run = prepared(options, backoff, until_the_end)
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
