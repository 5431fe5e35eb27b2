"""Check that bad clients affect no others, and that no answer is lost, even when processes fail.

`python scripts/measure/soak.py --help` lists all options, the phases, and the exit codes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from console.option_values import count, positive_seconds
from console.run_report import log
from formats.output import RttmFolder
from measure.benchmarking.audio import SAMPLE, InputError
from measure.kit.own_server import own_server
from measure.kit.program import add_output, add_service_options, exit_code, run_program
from measure.kit.provenance import provenance
from measure.kit.report import publish, write_json
from measure.soaking.attacks import run_attacks
from measure.soaking.cases import CASES
from measure.soaking.checks import CaseResult, CaseRunner, run_repeats
from measure.soaking.faults import QUICK_VICTIMS, VICTIMS, run_faults
from measure.soaking.files import Speech, excerpt, load_speech
from measure.soaking.load import Mix, run_growth, run_load
from measure.soaking.report import NAME, Soak, markdown_page, report_of
from measure.soaking.requests import Client, SoakError
from server.processes import children

PHASES = ("inputs", "repeats", "growth", "load", "faults", "attacks")
MINUTE_S = 60.0
MINUTES, QUICK_MINUTES = 15.0, 1.0
REPEATS, QUICK_REPEATS = 100, 10
REQUESTS, QUICK_REQUESTS = 200, 30
RECORDINGS, QUICK_RECORDINGS = 50, 12
QUICK_GOOD = 10
CLIENTS = 16

EPILOG = f"""\
phases:
  inputs   every unusual and every invalid request, each beside a good one
  repeats  the same recording again and again, alone: the same bytes come back
  growth   memory after {REQUESTS} requests against memory after the largest one
  load     many clients with good, long, bad and cancelled requests for minutes: every answer is as
           alone, none is lost
  faults   client.py works through {RECORDINGS} recordings while one process after another is
           killed: every model's, tritonserver, the client itself
  attacks  for the minutes of load, all known attacks on the server and on a gateway, and every
           minute a process of a model is stopped; meanwhile 8 clients whose every request has to
           be answered as alone

The program starts its own servers. --output gets soak.json, reliability.md and the logs of the
servers. --docs also writes docs/reliability.md, the page of the project.

--quick: {QUICK_MINUTES:g} minute of load and attacks, {QUICK_REPEATS} repeats, {QUICK_REQUESTS}
requests in growth, {QUICK_GOOD} different good requests in growth and load; {QUICK_RECORDINGS}
recordings and fewer processes killed in faults.

exit codes:
  0    nothing was wrong, nothing was lost
  1    something was, it is listed; or the server cannot be started
  2    wrong usage or audio: nothing was tried
  130  interrupted by Ctrl-C: nothing was written, the server is stopped
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse_options(arguments)
    return run_program(
        lambda: _prepare(options),
        lambda prepared: _soak_and_report(options, *prepared),
        InputError,
        SoakError,
    )


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; end the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="soak.py",
        description="Check that bad clients affect no others, and that no answer is lost.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # fmt: off
    add("--phases", metavar="PHASE", nargs="+", choices=PHASES, default=list(PHASES),
        help="what to try (default: all)")
    add("--quick", action="store_true", help="a short run")
    add("--minutes", metavar="N", type=positive_seconds,
        help=f"of load, and of attacks (default: {MINUTES:g})")
    add("--clients", metavar="N", type=count, default=CLIENTS,
        help="clients at once under load (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the mix of requests (default: %(default)s)")
    add("--audio", metavar="FILE", type=Path, default=SAMPLE,
        help="a recording of at least 30 s (default: the sample recording)")
    # fmt: on
    add_output(parser, "soak", "docs/reliability.md")
    add_service_options(parser)
    options = parser.parse_args(arguments)
    options.phases = [phase for phase in PHASES if phase in options.phases]
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    options.repeats = QUICK_REPEATS if options.quick else REPEATS
    options.recordings = QUICK_RECORDINGS if options.quick else RECORDINGS
    options.requests = QUICK_REQUESTS if options.quick else REQUESTS
    return options


def _prepare(options: argparse.Namespace) -> tuple[Speech, Speech, dict[str, object]]:
    """The recording, the excerpt of it that is sent, and where the findings come from."""
    recording = load_speech(options.audio)
    speech = excerpt(recording)
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return recording, speech, provenance()


def _soak_and_report(
    options: argparse.Namespace, recording: Speech, speech: Speech, origin: dict[str, object]
) -> int:
    soak = Soak()
    if not set(options.phases) <= {"faults", "attacks"}:
        _run_on_one_server(soak, options, recording, speech)
    if "faults" in options.phases:
        victims = QUICK_VICTIMS if options.quick else VICTIMS
        log.info("faults: %d recordings, %d kills", options.recordings, len(victims))
        server_log = options.output / "tritonserver-faults.log"
        soak.faults = run_faults(recording, options.recordings, victims, server_log)
    if "attacks" in options.phases:
        log.info("attacks: %g minute(s)", options.minutes)
        server_log = options.output / "tritonserver-attacks.log"
        soak.attacks = run_attacks(speech, recording, options.minutes * MINUTE_S, server_log)
    report = report_of(soak, options, origin)
    write_json(options.output / "soak.json", report)
    page = markdown_page(soak, report)
    publish(NAME, options, lambda _: page)
    return exit_code(options.output, soak.problems)


def _run_on_one_server(
    soak: Soak, options: argparse.Namespace, recording: Speech, speech: Speech
) -> None:
    """All phases during which no process of the server is killed or stopped."""
    with own_server(options.option, options.output) as url, Client(url) as client:
        pids = children(os.getpid())
        if "inputs" in options.phases:
            log.info("inputs: %d requests, each beside a good one", len(CASES))
            soak.inputs = _run_cases(CaseRunner(client, speech))
        if "repeats" in options.phases:
            log.info("repeats: %d times in every mode", options.repeats)
            soak.repeats = run_repeats(client, speech, options.repeats)
        if not {"growth", "load"} & set(options.phases):
            return
        n_good = QUICK_GOOD if options.quick else None
        mix = Mix(client, speech, recording, options.seed, n_good)
        if "growth" in options.phases:
            log.info("growth: %d requests after the largest one", options.requests)
            soak.growth = run_growth(url, mix, recording, options.requests, pids)
        if "load" in options.phases:
            log.info("load: %d clients, %g minute(s)", options.clients, options.minutes)
            next_request = mix.for_seconds(options.minutes * MINUTE_S)
            soak.load = run_load(url, options.clients, next_request, pids)


def _run_cases(runner: CaseRunner) -> list[CaseResult]:
    """Run all cases, one after another; log problems at once."""
    results = []
    for case in CASES:
        results.append(runner.run(case))
        for problem in results[-1].problems:
            log.error("%s, %s: %s", case.kind, case.name, problem)
    return results


if __name__ == "__main__":
    sys.exit(main())
