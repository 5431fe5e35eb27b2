"""Measure how accurate and how fast the diarization service is, on recordings with known turns.

`python scripts/measure/evaluate.py --help` tells all options, what counts, and the exit codes.
"""

import argparse
import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.run_report import RunReport, log, set_up_logging
from formats.rttm_files import OutputError
from inputs.wav_scp import ListError
from measure.evaluation.command_line import parsed_options
from measure.evaluation.compare import CompareError, compared, differing_options, read_report
from measure.evaluation.markdown import changes_text, headline, markdown_report
from measure.evaluation.output import ReportFolder
from measure.evaluation.own_server import own_server
from measure.evaluation.provenance import provenance
from measure.evaluation.report import report_of
from measure.evaluation.results import SetResult, set_result
from measure.evaluation.sending import Connection, run_set, true_speaker_counts
from measure.evaluation.sets import EvaluationSet, folder_sets, folders_below, list_set
from scoring.md_eval import ScoringError, find_md_eval
from sending.service import ServiceError
from server.triton_server import ServerError

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


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
    set_up_logging(verbose=False)
    try:
        plan = _prepared(options)
    except (ListError, ScoringError, CompareError, OutputError) as error:
        for problem in getattr(error, "problems", [error]):
            log.error("%s", problem)
        return USAGE
    try:
        with _server_url(options) as url:
            results = _evaluated(plan, url)
        return _reported(plan, results)
    except (ServiceError, ServerError, ScoringError, OutputError) as error:
        log.error("%s", error)
        return SOME_FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was scored")
        return INTERRUPTED


def _prepared(options: argparse.Namespace) -> _Plan:
    """Find out all that can be wrong before anything is sent."""
    md_eval = find_md_eval(options.md_eval)
    sets = _sets(options)
    old = read_report(options.compare) if options.compare else None
    folder = None
    if options.output:
        if options.worst and importlib.util.find_spec("matplotlib") is None:
            raise OutputError(
                "timelines need matplotlib, which is not installed: "
                "`pip install -r requirements-dev.txt`, or --worst 0"
            )
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


@contextlib.contextmanager
def _server_url(options: argparse.Namespace) -> Iterator[str]:
    """Address of the server to ask."""
    if options.url:
        yield options.url
        return
    log.info("starting a server ...")
    with own_server(options.option, options.output) as url:
        yield url


def _evaluated(plan: _Plan, url: str) -> list[SetResult]:
    options = plan.options
    parameters = {} if options.mode is None else {"mode": options.mode}
    connection = Connection(url, options.model_name, options.timeout, options.jobs, parameters)
    with connection.service() as service:
        service.check()
    report = RunReport(sum(len(each.recordings) for each in plan.sets))
    results = []
    for each in plan.sets:
        told = true_speaker_counts(each) if options.num_speakers_from_reference else {}
        run = run_set(each, connection, told, report)
        if plan.folder:
            plan.folder.write_rttm(each.name, run)
        results.append(set_result(each, run, plan.md_eval))
    report.close()
    return results


def _reported(plan: _Plan, results: list[SetResult]) -> int:
    """Print, write and draw; returns the exit code."""
    report = report_of(results, _told_options(plan.options), plan.origin)
    changes = None if plan.old is None else compared(plan.old, report)
    text = markdown_report(results, report, changes)
    if plan.old is not None and changes is not None:
        differing = differing_options(plan.old, report)
        since = f"{plan.old['date']}, commit {plan.old['git']['commit']}"
        text += f"\n## Changes since {since}\n\n{changes_text(changes, differing)}"
    print(text)
    print(headline(results))
    if plan.folder:
        plan.folder.write_report(report, text)
        if plan.options.worst:
            plan.folder.draw_lengths(results)
        pictures = plan.folder.draw_worst(results, plan.options.worst) if plan.options.worst else []
        log.info("written: %s with %d timeline(s)", plan.folder.directory, len(pictures))
    failed = any(one.failure for each in results for one in each.recordings)
    return SOME_FAILED if failed else OK


def _told_options(options: argparse.Namespace) -> dict[str, Any]:
    """The command line, ready for JSON, without what has no influence on the figures."""
    without = ("output", "compare", "worst", "md_eval")
    return {name: _plain(value) for name, value in vars(options).items() if name not in without}


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [str(each) for each in value]
    return str(value) if isinstance(value, Path) else value


if __name__ == "__main__":
    sys.exit(main())
