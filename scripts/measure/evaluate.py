"""Measure how accurate and how fast the diarization service is, on recordings with references.

`python scripts/measure/evaluate.py --help` describes options, what counts, and exit codes.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from console.option_values import count_from_zero
from console.run_report import RunReport, log
from formats.result import FormatError
from measure.evaluation.compare import CompareError, changes_text, compared, read_report
from measure.evaluation.page import headline, markdown_report
from measure.evaluation.report import ReportFolder, report_of
from measure.evaluation.results import SetResult
from measure.evaluation.running import run_set, set_result, true_speaker_counts
from measure.kit.corpus import EvaluationSet, folder_sets, folders_below, list_set
from measure.kit.own_server import server_at
from measure.kit.program import (
    FAILED,
    OK,
    ROOT_VARIABLE,
    add_connection,
    add_service_options,
    reported_options,
    require_matplotlib,
    root_in,
    run_program,
)
from measure.kit.provenance import provenance
from measure.kit.sending import Connection
from scoring.scores import find_md_eval

DEFAULT_N_WORST = 4
NOT_REPORTED = ("output", "compare", "worst", "md_eval")  # they do not affect the figures

EPILOG = f"""\
What is evaluated, one of:
  --root DIR             each sub-folder with audio is a set; default: ${ROOT_VARIABLE}
  --audio_dir DIR ...    each of these folders is a set
  --wavscp FILE --reference PATH
                         the recordings of a Kaldi list are one set

In a folder the reference of talk.flac is talk.rttm beside it, unless --reference names an RTTM
file or folder. A folder in which nothing has a reference holds no speech, and so does a recording
whose RTTM file has no turn: any turn there is a false alarm, reported as a share of the time. Other
recordings without a reference are left out, with a warning.

Each set's error rate pools its recordings (time-weighted) in one run of md-eval, overlap scored,
at collars 0.25 s and 0 s; the headline is the mean over the sets. A recording that fails counts as
missed altogether.

--output gets evaluation.json, evaluation.md, rttm/<set>/rttm_<id>, timelines/*.png of the worst
recordings, lengths.png where the recordings of a set differ in length by more than a factor of 2,
and the log of the server where one was started. --worst 0 writes no pictures.

exit codes:
  0    every recording was diarized and scored
  1    some recordings failed, the service cannot be reached or started, or there is no score
  2    wrong usage, list, reference or --compare: nothing was sent
  130  interrupted by Ctrl-C: nothing was written
"""


@dataclass(frozen=True)
class _Plan:
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
    md_eval = find_md_eval(options.md_eval)
    sets = _sets(options)
    old = read_report(options.compare) if options.compare else None
    folder = None
    if options.output:
        if options.worst:
            require_matplotlib("timelines", ", or --worst 0")
        folder = ReportFolder(options.output)
    return _Plan(options, sets, md_eval, old, folder, provenance(md_eval))


def _sets(options: argparse.Namespace) -> list[EvaluationSet]:
    if options.wavscp:
        sets = [list_set(options.wavscp, options.reference, options.data_dir)]
    else:
        folders = options.audio_dir or folders_below(options.root)
        sets = folder_sets(folders, options.reference)
    for each in sets:
        if each.left_out:
            left_out = ", ".join(each.left_out)
            log.warning("set %s: left out, without a reference: %s", each.name, left_out)
    return sets


def _evaluate(plan: _Plan) -> int:
    with server_at(plan.options.url, plan.options.option, plan.options.output) as url:
        results = _results(plan, url)
    return _report(plan, results)


def _results(plan: _Plan, url: str) -> list[SetResult]:
    options = plan.options
    parameters = {} if options.mode is None else {"mode": options.mode}
    connection = Connection(url, options.model_name, options.timeout, options.jobs, parameters)
    with connection.service() as service:
        service.check()
    report = RunReport(sum(len(each.recordings) for each in plan.sets))
    results = []
    for each in plan.sets:
        counts = true_speaker_counts(each) if options.num_speakers_from_reference else {}
        run = run_set(each, connection, counts, report)
        if plan.folder:
            plan.folder.write_rttm(each.name, run)
        results.append(set_result(each, run, plan.md_eval))
    report.close()
    return results


def _report(plan: _Plan, results: list[SetResult]) -> int:
    """Print, write and draw; returns the exit code."""
    report = report_of(results, reported_options(plan.options, NOT_REPORTED), plan.origin)
    changes = None if plan.old is None else compared(plan.old, report)
    text = markdown_report(results, report, changes)
    if plan.old is not None and changes is not None:
        text += f"\n{changes_text(changes, plan.old, report)}"
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
    _add_recordings(parser)
    _add_service(parser)
    _add_reports(parser)
    options = parser.parse_args(arguments)
    if not (options.wavscp or options.audio_dir or options.root):
        options.root = root_in(environment)
        if options.root is None:
            parser.error(
                "expected --root, --audio_dir or --wavscp, or the environment variable "
                f"{ROOT_VARIABLE} as --root"
            )
    if options.wavscp and not options.reference:
        parser.error("--wavscp needs --reference: an RTTM file or a folder of them")
    if options.data_dir and not options.wavscp:
        parser.error("--data_dir is for the paths in --wavscp")
    if options.option and options.url:
        parser.error("--option is for a server started here, not for the one at --url")
    return options


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--root", metavar="DIR", type=Path, help="folder of sets (see below)")
    one_of.add_argument("--audio_dir", metavar="DIR", type=Path, nargs="+", help="sets")
    one_of.add_argument("--wavscp", metavar="FILE", type=Path, help="list of one set")
    add = parser.add_argument
    add("--reference", metavar="PATH", type=Path, help="RTTM file or folder")
    add("--data_dir", metavar="DIR", help="where relative paths in --wavscp start (default: here)")


def _add_service(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    add_service_options(parser)
    add = parser.add_argument
    add("--model_name", default="run", help="model to ask (default: %(default)s)")
    add("--mode", help="sent as request parameter `mode` (default: not sent)")
    add("--num_speakers_from_reference", action="store_true",
        help="send the true number of speakers of each recording")  # fmt: skip


def _add_reports(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", metavar="DIR", type=Path, help="where files go (default: only print)")
    add("--compare", metavar="JSON", type=Path, help="evaluation.json of an earlier run")
    add("--worst", metavar="N", type=count_from_zero, default=DEFAULT_N_WORST,
        help="recordings to draw timelines of, with --output (default: %(default)s)")  # fmt: skip
    add("--md_eval", metavar="PATH", help="the scorer md-eval.pl (default: found as by client.py)")


if __name__ == "__main__":
    sys.exit(main())
