"""Measure how surely enrolled people are told from others, on recordings with known speakers.

`python scripts/measure/measure_voices.py --help` tells all options and exit codes.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from console.option_values import count, positive_seconds
from console.options import DEFAULT_JOBS, DEFAULT_TIMEOUT_S
from console.run_report import log, set_up_logging
from inputs.recordings import ListError
from measure.kit.corpus import EvaluationSet, folder_sets, folders_below
from measure.kit.own_server import own_server
from measure.kit.program import ROOT_VARIABLE
from measure.kit.provenance import provenance
from measure.kit.sending import Connection
from measure.voice_measuring.excerpts import cut
from measure.voice_measuring.hearing import Hearing, heard
from measure.voice_measuring.page import PAGE, measured_text, put_into
from scoring.scores import ScoringError
from sending.service import ServiceError
from server.triton_server import ServerError
from voices.voice import DEFAULT_THRESHOLD, VoicesError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
LOCAL_NAMES = ("phone", "voxconverse")
ENROL_S = (4.0, 8.0, 16.0, 30.0)

EPILOG = f"""\
--root holds sets as for evaluate.py: <set>/<id>.flac with <id>.rttm beside it. A name in two
recordings is one person, names that differ are two, in all sets but --local_names, whose names
(A, spk00) mean something within a recording only.

Prints the tables; --docs puts them into docs/voices.md. About 25 minutes on 2 cores for 44 minutes
of audio.

exit codes: 0 measured, 1 a recording failed or no server, 2 wrong usage or sets, 130 interrupted
Default of --root: the environment variable {ROOT_VARIABLE}.
"""


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments, environment)
    set_up_logging(verbose=False)
    try:
        sets = folder_sets(folders_below(options.root), None)
    except (ListError, ScoringError) as error:
        log.error("%s", error)
        return USAGE
    origin = provenance(Path())  # of the code that measures, not of what it is by the end
    try:
        with _server_url(options) as url:
            hearing = _heard(options, sets, url)
    except (ServiceError, ServerError, VoicesError) as error:
        log.error("%s", error)
        return FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was measured")
        return INTERRUPTED
    text = measured_text(hearing, options.enrol_s, DEFAULT_THRESHOLD, origin)
    print(text)
    if options.docs:
        put_into(PAGE, text)
    return OK


def _heard(options: argparse.Namespace, sets: Sequence[EvaluationSet], url: str) -> Hearing:
    parameters = {} if options.mode is None else {"mode": options.mode}
    connection = Connection(url, "run", options.timeout, options.jobs, parameters)
    local = set(options.local_names)
    with tempfile.TemporaryDirectory(prefix="voices-") as folder:
        excerpts = [
            excerpt
            for each in sets
            for excerpt in cut(each, Path(folder), options.enrol_s, each.name in local)
        ]
        return heard(excerpts, connection, local.__contains__, DEFAULT_THRESHOLD)


@contextlib.contextmanager
def _server_url(options: argparse.Namespace) -> Iterator[str]:
    if options.url:
        yield options.url
        return
    with own_server([]) as url:
        yield url


def parsed_options(
    arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="measure_voices.py",
        description="Measure how surely enrolled people are told from others.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--root", metavar="DIR", type=Path, help="folder of sets (see below)")
    add(
        "--local_names",
        metavar="SET",
        nargs="*",
        default=LOCAL_NAMES,
        help="sets whose names are of one recording (default: phone voxconverse)",
    )
    add(
        "--enrol_s",
        metavar="SECONDS",
        type=positive_seconds,
        nargs="+",
        default=ENROL_S,
        help="lengths to enrol people with; most tables are of the second (default: 4 8 16 30)",
    )
    add("--url", metavar="HOST:PORT", help="gRPC address (default: start a server, stop it after)")
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add("--jobs", metavar="N", type=count, default=DEFAULT_JOBS, help="recordings in flight")
    add(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        default=DEFAULT_TIMEOUT_S,
        help="for one",
    )
    add("--docs", action="store_true", help="put the tables into docs/voices.md")
    options = parser.parse_args(arguments)
    if options.root is None and environment.get(ROOT_VARIABLE):
        options.root = Path(environment[ROOT_VARIABLE])
    if options.root is None:
        parser.error(f"expected --root, or the environment variable {ROOT_VARIABLE}")
    return options


if __name__ == "__main__":
    sys.exit(main())
