"""Measure how accurate and how fast the diarization service is, on recordings with references.

`python scripts/measure/evaluate.py --help` describes options, what counts, and exit codes.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from console.option_values import count_from_zero
from console.run_report import RunReport, log
from formats.result import FormatError
from measure.evaluation.compare import CompareError, changes_text, read_report
from measure.evaluation.page import headline, markdown_report
from measure.evaluation.report import ReportFolder, report_of
from measure.evaluation.results import SetResult
from measure.evaluation.running import run_set, set_result
from measure.kit.corpus import EvaluationSet, sets_below
from measure.kit.own_server import server_at
from measure.kit.program import (
    FAILED,
    OK,
    ROOT_VARIABLE,
    add_connection,
    add_root,
    add_service_options,
    reported_options,
    require_matplotlib,
    run_program,
)
from measure.kit.provenance import provenance
from measure.kit.sending import Connection
from scoring.scores import find_md_eval

MODEL = "run"
DEFAULT_N_WORST = 4
NOT_REPORTED = ("output", "compare", "worst")  # they do not affect the figures

EPILOG = f"""\
Each sub-folder of --root with audio is a set; --root is ${ROOT_VARIABLE} by default. The reference
of talk.flac is talk.rttm beside it. A folder in which nothing has a reference holds no speech, and
so does a recording whose RTTM file has no turn: any turn there is a false alarm, reported as a
share of the time. Other recordings without a reference are left out, with a warning.

Each set's error rate pools its recordings (time-weighted) in one run of md-eval, overlap scored,
at collars 0.25 s and 0 s; the headline is the mean over the sets. A recording that fails counts as
missed altogether.

--output gets evaluation.json, evaluation.md, rttm/<set>/rttm_<id>, timelines/*.png of the worst
recordings, lengths.png where the recordings of a set differ in length by more than a factor of 2,
and the log of the server where one was started. --worst 0 writes no pictures.

exit codes:
  0    every recording was diarized and scored
  1    some recordings failed, the service cannot be reached or started, or there is no score
  2    wrong usage, sets or --compare: nothing was sent
  130  interrupted by Ctrl-C: nothing was written
"""


class _Plan(NamedTuple):
    """A run that is ready to start."""

    options: argparse.Namespace
    sets: list[EvaluationSet]
    md_eval: Path
    old: dict[str, Any] | None
    folder: ReportFolder | None
    origin: dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    return run_program(partial(_prepare, options), _evaluate, CompareError, FormatError)


def _prepare(options: argparse.Namespace) -> _Plan:
    """Find everything that can be wrong before anything is sent."""
    md_eval = find_md_eval(None)
    sets = sets_below(options.root)
    for each in sets:
        if each.left_out:
            left_out = ", ".join(each.left_out)
            log.warning("set %s: left out, without a reference: %s", each.name, left_out)
    old = read_report(options.compare) if options.compare else None
    folder = None
    if options.output:
        if options.worst:
            require_matplotlib("timelines", ", or --worst 0")
        folder = ReportFolder(options.output)
    return _Plan(options, sets, md_eval, old, folder, provenance(md_eval))


def _evaluate(plan: _Plan) -> int:
    with server_at(plan.options.url, plan.options.option, plan.options.output) as url:
        results = _results(plan, url)
    return _report(plan, results)


def _results(plan: _Plan, url: str) -> list[SetResult]:
    options = plan.options
    parameters = {} if options.mode is None else {"mode": options.mode}
    connection = Connection(url, MODEL, options.timeout, options.jobs, parameters)
    with connection.service() as service:
        service.check()
    report = RunReport(sum(len(each.recordings) for each in plan.sets))
    results = []
    for each in plan.sets:
        with_counts = options.num_speakers_from_reference
        outcomes, wall_s = run_set(each, connection, report, with_counts=with_counts)
        if plan.folder:
            plan.folder.write_rttm(each.name, outcomes)
        results.append(set_result(each, outcomes, wall_s, plan.md_eval))
    report.close()
    return results


def _report(plan: _Plan, results: list[SetResult]) -> int:
    """Print, write and draw; returns the exit code."""
    report = report_of(results, reported_options(plan.options, NOT_REPORTED), plan.origin)
    text = markdown_report(results, report)
    if plan.old is not None:
        text += f"\n{changes_text(plan.old, report)}"
    print(text)
    print(headline(results))
    if plan.folder:
        plan.folder.write_report(report, text)
        n_pictures = plan.folder.draw(results, plan.options.worst) if plan.options.worst else 0
        log.info("written: %s with %d timeline(s)", plan.folder.directory, n_pictures)
    failed = any(one.failure for each in results for one in each.recordings)
    return FAILED if failed else OK


def parsed_options(
    arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Parse the command line; exits with code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="evaluate.py",
        description="Measure accuracy and speed of the diarization service on recordings whose "
        "turns are known.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_root(parser, environment)
    add_connection(parser)
    add_service_options(parser)
    add = parser.add_argument
    add("--mode", help="sent as request parameter `mode` (default: not sent)")
    add("--num_speakers_from_reference", action="store_true",
        help="send the true number of speakers of each recording")  # fmt: skip
    add("--output", metavar="DIR", type=Path, help="where files go (default: only print)")
    add("--compare", metavar="JSON", type=Path, help="evaluation.json of an earlier run")
    add("--worst", metavar="N", type=count_from_zero, default=DEFAULT_N_WORST,
        help="recordings to draw timelines of, with --output (default: %(default)s)")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.option and options.url:
        parser.error("--option is for a server started here, not for the one at --url")
    return options


if __name__ == "__main__":
    sys.exit(main())
