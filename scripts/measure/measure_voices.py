"""Measure how reliably enrolled people are recognized, on recordings with known speakers.

`python scripts/measure/measure_voices.py --help` describes options and exit codes.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from console.option_values import positive_seconds
from formats.result import FormatError
from measure.kit.corpus import EvaluationSet, folder_sets, folders_below
from measure.kit.own_server import server_at
from measure.kit.program import OK, ROOT_VARIABLE, add_connection, root_in, run_program
from measure.kit.provenance import provenance
from measure.kit.sending import Connection
from measure.voice_measuring.excerpts import cut
from measure.voice_measuring.hearing import Hearing, hear
from measure.voice_measuring.page import PAGE, measured_text, put_into
from voices.voice import DEFAULT_THRESHOLD, VoicesError

LOCAL_NAMES = ("phone", "voxconverse")
ENROL_S = (4.0, 8.0, 16.0, 30.0)

EPILOG = f"""\
--root holds sets as for evaluate.py: <set>/<id>.flac with <id>.rttm beside it. A name in two
recordings is one person, names that differ are two, in all sets but --local_names, whose names
(A, spk00) are valid within one recording only.

Prints the tables; --docs puts them into docs/voices.md. About 25 minutes on 2 cores for 44 minutes
of audio.

exit codes: 0 measured, 1 a recording failed or no server, 2 wrong usage or sets, 130 interrupted
Default of --root: the environment variable {ROOT_VARIABLE}.
"""


@dataclass(frozen=True)
class _Plan:
    """A run that is ready to start."""

    options: argparse.Namespace
    sets: list[EvaluationSet]
    origin: dict[str, Any]  # read first: the code may change while this runs


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments, environment)
    return run_program(partial(_prepare, options), _measure, FormatError, VoicesError)


def _prepare(options: argparse.Namespace) -> _Plan:
    return _Plan(options, folder_sets(folders_below(options.root), None), provenance())


def _measure(plan: _Plan) -> int:
    options = plan.options
    with server_at(options.url) as url:
        hearing = _hearing(options, plan.sets, url)
    text = measured_text(hearing, options.enrol_s, DEFAULT_THRESHOLD, plan.origin)
    print(text)
    if options.docs:
        put_into(PAGE, text)
    return OK


def _hearing(options: argparse.Namespace, sets: Sequence[EvaluationSet], url: str) -> Hearing:
    parameters = {} if options.mode is None else {"mode": options.mode}
    connection = Connection(url, "run", options.timeout, options.jobs, parameters)
    with tempfile.TemporaryDirectory(prefix="voices-") as folder:
        excerpts = [
            excerpt
            for each in sets
            for excerpt in cut(
                each, Path(folder), options.enrol_s, each.name in options.local_names
            )
        ]
        return hear(excerpts, connection, DEFAULT_THRESHOLD)


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
    add("--root", metavar="DIR", type=Path, help="folder of sets (see below)")
    add("--local_names", metavar="SET", nargs="*", default=LOCAL_NAMES,
        help="sets whose names are of one recording (default: phone voxconverse)")  # fmt: skip
    add("--enrol_s", metavar="SECONDS", type=positive_seconds, nargs="+", default=ENROL_S,
        help="lengths to enrol people with; most tables are of the second "
        "(default: 4 8 16 30)")  # fmt: skip
    add_connection(parser)
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add("--docs", action="store_true", help="put the tables into docs/voices.md")
    options = parser.parse_args(arguments)
    options.root = options.root or root_in(environment)
    if options.root is None:
        parser.error(f"expected --root, or the environment variable {ROOT_VARIABLE}")
    return options


if __name__ == "__main__":
    sys.exit(main())
