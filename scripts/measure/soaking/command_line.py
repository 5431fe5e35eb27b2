"""The command line of soak.py."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from console.option_values import count, positive_seconds
from measure.benchmarking.audio import SAMPLE
from measure.kit import ROOT
from measure.kit.program import add_service_options

PHASES = ("inputs", "repeats", "growth", "load", "faults", "attacks")
MINUTES, QUICK_MINUTES = 15.0, 1.0
REPEATS, QUICK_REPEATS = 100, 10
REQUESTS, QUICK_REQUESTS = 200, 30
RECORDINGS, QUICK_RECORDINGS = 50, 12
QUICK_GOOD = 10
CLIENTS = 16

EPILOG = f"""\
phases:
  inputs   every odd and every bad request, each beside a good one
  repeats  the same recording again and again, alone: the same bytes come back
  growth   memory after {REQUESTS} requests against memory after the largest one
  load     many clients with good, long, bad and cancelled requests for minutes: every answer is as
           alone, none is lost
  faults   client.py works through {RECORDINGS} recordings while one process after another is
           killed: every model's, tritonserver, the client itself
  attacks  for the minutes of load, all that an attacker was seen to try, on the server and on a
           gateway, and every minute a process of a model that is stopped; beside it 8 clients
           whose every request has to be answered as alone

Servers of its own are started. --output gets soak.json, reliability.md, memory.png and the log of
the server. --docs also writes docs/reliability.md and docs/reliability/memory.png, the page of the
project.

--quick: {QUICK_MINUTES:g} minute of load and attacks, {QUICK_REPEATS} repeats, {QUICK_REQUESTS}
requests in growth, {QUICK_GOOD} different good requests in growth and load; {QUICK_RECORDINGS}
recordings and fewer processes killed in faults.

exit codes:
  0    nothing was wrong, nothing was lost
  1    something was, it is listed; or the server cannot be started
  2    wrong usage or audio: nothing was tried
  130  interrupted by Ctrl-C: nothing was written, the server is stopped
"""


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="soak.py",
        description="Prove that no bad client hurts another, and that nothing is lost.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_tried(parser)
    _add_files(parser)
    add_service_options(parser)
    options = parser.parse_args(arguments)
    options.phases = [phase for phase in PHASES if phase in options.phases]
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    options.repeats = QUICK_REPEATS if options.quick else REPEATS
    options.recordings = QUICK_RECORDINGS if options.quick else RECORDINGS
    options.requests = QUICK_REQUESTS if options.quick else REQUESTS
    return options


def _add_tried(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--phases", metavar="PHASE", nargs="+", choices=PHASES, default=list(PHASES),
        help="what to try (default: all)",
    )  # fmt: skip
    add("--quick", action="store_true", help="a short run")
    add(
        "--minutes",
        metavar="N",
        type=positive_seconds,
        help=f"of load, and of attacks (default: {MINUTES:g})",
    )
    add(
        "--clients", metavar="N", type=count, default=CLIENTS,
        help="clients at once under load (default: %(default)s)",
    )  # fmt: skip
    add("--seed", type=int, default=0, help="of the mix of requests (default: %(default)s)")


def _add_files(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--audio", metavar="FILE", type=Path, default=SAMPLE,
        help="a recording of at least 30 s (default: the sample recording)",
    )  # fmt: skip
    add(
        "--output", metavar="DIR", type=Path, default=ROOT / "output" / "soak",
        help="where files go (default: output/soak)",
    )  # fmt: skip
    add("--docs", action="store_true", help="write docs/reliability.md and its picture too")
