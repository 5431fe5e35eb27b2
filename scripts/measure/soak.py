"""Prove that no bad client hurts another, and that nothing is lost.

`python scripts/measure/soak.py --help` tells all options, what is tried, and the exit codes.
"""

import argparse
import sys
from collections.abc import Sequence

from console.run_report import log, set_up_logging
from formats.output import OutputError, RttmFolder
from measure.benchmarking.audio import SourceError
from measure.benchmarking.memory import own_children
from measure.benchmarking.origin import origin
from measure.kit import ROOT
from measure.kit.own_server import own_server
from measure.soaking.alone import SoakError
from measure.soaking.asking import Asker
from measure.soaking.attacks import run_attacks
from measure.soaking.audio import Speech, excerpt, whole
from measure.soaking.cases import CASES
from measure.soaking.command_line import QUICK_GOOD, parsed_options
from measure.soaking.faults import QUICK_VICTIMS, VICTIMS, run_faults
from measure.soaking.growth import run_growth
from measure.soaking.inputs import Together, run_cases
from measure.soaking.load import for_seconds, run_load
from measure.soaking.mix import Mix
from measure.soaking.output import told_options, write_docs, write_folder
from measure.soaking.repeats import run_repeats
from measure.soaking.results import Soak, report_of
from server.triton_server import ServerError

OK, SOMETHING_WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
DOCS = ROOT / "docs"
MINUTE_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    set_up_logging(verbose=False)
    try:
        recording = whole(options.audio)
        speech = excerpt(recording)
        RttmFolder(options.output)  # says at once if nothing can be written there
        depends_on = origin()
    except (SourceError, OutputError) as error:
        log.error("%s", error)
        return USAGE
    try:
        soak = _tried(options, recording, speech)
        report = report_of(soak, told_options(options), depends_on)
        return _reported(options, soak, report)
    except (ServerError, SoakError, OutputError) as error:
        log.error("%s", error)
        return SOMETHING_WRONG
    except KeyboardInterrupt:
        log.error("interrupted: nothing was written")
        return INTERRUPTED


def _tried(options: argparse.Namespace, recording: Speech, speech: Speech) -> Soak:
    """All phases, one after another."""
    soak = Soak()
    if not set(options.phases) <= {"faults", "attacks"}:
        _try_on_one_server(soak, options, recording, speech)
    if "faults" in options.phases:
        victims = QUICK_VICTIMS if options.quick else VICTIMS
        log.info("faults: %d recordings, %d kills", options.recordings, len(victims))
        server_log = options.output / "tritonserver-faults.log"
        soak.faults = run_faults(recording, options.recordings, victims, server_log, log.info)
    if "attacks" in options.phases:
        seconds = options.minutes * MINUTE_S
        log.info("attacks: %g minute(s)", options.minutes)
        server_log = options.output / "tritonserver-attacks.log"
        soak.attacks = run_attacks(speech, recording, seconds, server_log, log.info)
    return soak


def _try_on_one_server(
    soak: Soak, options: argparse.Namespace, recording: Speech, speech: Speech
) -> None:
    """All phases during which the server is left alone."""
    with own_server(options.option, options.output) as url, Asker(url) as asker:
        pids = frozenset(own_children())
        if "inputs" in options.phases:
            log.info("inputs: %d requests, each beside a good one", len(CASES))
            soak.inputs = run_cases(Together(asker, speech), CASES, log.error)
        if "repeats" in options.phases:
            log.info("repeats: %d times in every mode", options.repeats)
            soak.repeats = run_repeats(asker, speech, options.repeats)
        if not {"growth", "load"} & set(options.phases):
            return
        n_good = QUICK_GOOD if options.quick else None
        mix = Mix(asker, speech, recording, options.seed, n_good)
        if "growth" in options.phases:
            log.info("growth: %d requests after the largest one", options.requests)
            soak.growth = run_growth(url, mix, recording, options.requests, pids)
        if "load" in options.phases:
            log.info("load: %d clients, %g minute(s)", options.clients, options.minutes)
            following = for_seconds(mix, options.minutes * MINUTE_S)
            soak.load = run_load(url, options.clients, following, pids)


def _reported(options: argparse.Namespace, soak: Soak, report: dict[str, object]) -> int:
    """Print and write; returns the exit code."""
    print(write_folder(options.output, soak, report))
    if options.docs:
        write_docs(DOCS, soak, report)
    log.info("written: %s", options.output)
    for problem in soak.problems:
        log.error("%s", problem)
    return SOMETHING_WRONG if soak.problems else OK


if __name__ == "__main__":
    sys.exit(main())
