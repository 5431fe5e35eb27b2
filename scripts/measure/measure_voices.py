"""Measure how reliably enrolled people are recognized, on recordings with known speakers.

`python scripts/measure/measure_voices.py --help` describes options and exit codes.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from formats.result import FormatError
from measure.kit.corpus import EvaluationSet, sets_below
from measure.kit.own_server import server_at
from measure.kit.program import OK, add_connection, add_root, run_program
from measure.kit.provenance import provenance
from measure.kit.report import put_into
from measure.kit.sending import Connection
from measure.voice_measuring.excerpts import cut
from measure.voice_measuring.hearing import hear
from measure.voice_measuring.page import PAGE, measured_text
from voices.voice import DEFAULT_THRESHOLD, VoicesError

LOCAL_NAMES = ("phone", "voxconverse")

EPILOG = """\
--root holds sets as for evaluate.py: <set>/<id>.flac with <id>.rttm beside it. A name in two
recordings is one person, names that differ are two, in all sets but --local_names, whose names
(A, spk00) are valid within one recording only.

Prints the tables; --docs puts them into docs/voices.md. About 25 minutes on 2 cores for 44 minutes
of audio.

exit codes: 0 measured, 1 a recording failed or no server, 2 wrong usage or sets, 130 interrupted
"""


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments, environment)
    # The origin is read first: the code may change while this runs.
    return run_program(
        lambda: (sets_below(options.root), provenance()),
        lambda prepared: _measure(options, *prepared),
        FormatError,
        VoicesError,
    )


def _measure(
    options: argparse.Namespace, sets: Sequence[EvaluationSet], origin: dict[str, Any]
) -> int:
    parameters = {} if options.mode is None else {"mode": options.mode}
    with server_at(options.url) as url, tempfile.TemporaryDirectory(prefix="voices-") as folder:
        connection = Connection(url, "run", options.timeout, options.jobs, parameters)
        excerpts = [
            excerpt
            for each in sets
            for excerpt in cut(each, Path(folder), each.name in options.local_names)
        ]
        hearing = hear(excerpts, connection, DEFAULT_THRESHOLD)
    text = measured_text(hearing, DEFAULT_THRESHOLD, origin)
    print(text)
    if options.docs:
        put_into(PAGE, text)
    return OK


def parsed_options(
    arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Parse the command line; exits with code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="measure_voices.py",
        description="Measure how reliably enrolled people are recognized.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_root(parser, environment)
    add("--local_names", metavar="SET", nargs="*", default=LOCAL_NAMES,
        help="sets whose names are of one recording (default: phone voxconverse)")  # fmt: skip
    add_connection(parser)
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add("--docs", action="store_true", help="put the tables into docs/voices.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
