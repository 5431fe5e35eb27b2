"""The command line of benchmark.py."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from console.option_values import count, positive_seconds
from measure.benchmarking.peer import Peer, PeerError, parsed_peer
from measure.benchmarking.runs import HOUR_S
from measure.kit import ROOT
from measure.kit.program import add_service_options

MINUTE_S = 60.0
LENGTHS_S = (30.0, 10 * MINUTE_S, HOUR_S)
LONG_S = 10 * HOUR_S
CLIENTS = (1, 2, 4, 8, 16)
REPEATS, REQUESTS, CLIENT_AUDIO_S = 3, 4, 30.0
QUICK_LENGTHS_S, QUICK_CLIENTS, QUICK_REPEATS, QUICK_REQUESTS = LENGTHS_S[:2], (1, 4, 8), 1, 2
TIMEOUT_S = 2 * HOUR_S

EPILOG = f"""\
A server of its own is started; the modes are taken in turn (classic, full, classic, full, ...),
and so are the peers, since a machine is never equally quiet twice. Recordings of an hour and more
are sent once each.

--output gets benchmark.json, benchmark.md, *.png, and the log of the server. --docs also writes
docs/benchmark.md and docs/benchmark/*.png, the pages of the project.

--peer 'NAME=COMMAND' is run by the shell; {{audio}} in it stands for a wav file (16 kHz, mono), and
{{output}} for a file it may write:
  --peer 'other=python diarize.py {{audio}} > {{output}}'

--quick: 30 s and 10 min, once each; 1, 4 and 8 clients with {QUICK_REQUESTS} requests each.

exit codes:
  0    everything was measured
  1    a recording or a peer failed, or the server cannot be started
  2    wrong usage, audio or --trade: nothing was measured
  130  interrupted by Ctrl-C: nothing was written, the server is stopped
"""


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Measure time, memory and throughput of the diarization service.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_measured(parser)
    _add_service(parser)
    _add_reports(parser)
    options = parser.parse_args(arguments)
    names = [peer.name for peer in options.peer]
    if len(set(names)) < len(names):
        parser.error(f"--peer: every NAME once, got {', '.join(names)}")
    return _completed(options)


def _completed(options: argparse.Namespace) -> argparse.Namespace:
    """Fill in what was not given, which depends on --quick and --long."""
    quick = options.quick
    lengths_s = options.lengths or (QUICK_LENGTHS_S if quick else LENGTHS_S)
    options.lengths = sorted({*lengths_s, *([LONG_S] if options.long else [])})
    options.clients = sorted(set(options.clients or (QUICK_CLIENTS if quick else CLIENTS)))
    options.repeats = options.repeats or (QUICK_REPEATS if quick else REPEATS)
    options.requests = options.requests or (QUICK_REQUESTS if quick else REQUESTS)
    return options


def _add_measured(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--quick", action="store_true", help="the short run, under 3 minutes on 2 cores")
    add("--long", action="store_true", help="a recording of 10 hours as well")
    add(
        "--lengths", metavar="S", type=positive_seconds, nargs="+",
        help=f"lengths of recordings, seconds (default: {_listed(LENGTHS_S)})",
    )  # fmt: skip
    add(
        "--repeats", metavar="N", type=count,
        help=f"times each length is sent (default: {REPEATS}; from an hour on always 1)",
    )  # fmt: skip
    add(
        "--clients", metavar="N", type=count, nargs="+",
        help=f"numbers of clients at once (default: {_listed(CLIENTS)})",
    )  # fmt: skip
    add(
        "--requests", metavar="N", type=count,
        help=f"requests of each client, one after another (default: {REQUESTS})",
    )  # fmt: skip
    add(
        "--client_audio_s", metavar="S", type=positive_seconds, default=CLIENT_AUDIO_S,
        help="length of the clients' recordings, seconds (default: %(default)g)",
    )  # fmt: skip
    add(
        "--audio_dir", metavar="DIR", type=Path,
        help="recordings to join to the lengths (default: the sample recording, varied)",
    )  # fmt: skip
    add(
        "--peer", metavar="NAME=COMMAND", type=_peer, action="append", default=[],
        help="another program to run in turn with the service; may be given several times",
    )  # fmt: skip
    add(
        "--peer_longest", metavar="S", type=positive_seconds, default=HOUR_S,
        help="longest recording that peers are given, seconds (default: %(default)g)",
    )  # fmt: skip


def _add_service(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_service_options(parser)
    add(
        "--timeout", metavar="SECONDS", type=positive_seconds, default=TIMEOUT_S,
        help="longest time for one recording (default: %(default)g)",
    )  # fmt: skip


def _add_reports(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--output", metavar="DIR", type=Path, default=ROOT / "output" / "benchmark",
        help="where files go (default: output/benchmark)",
    )  # fmt: skip
    add("--docs", action="store_true", help="write docs/benchmark.md and its pictures too")
    add(
        "--trade", metavar="FILE", type=Path, nargs="+", default=[],
        help="evaluation.json files of evaluate.py: error rate against time, as a picture",
    )  # fmt: skip


def _peer(text: str) -> Peer:
    try:
        return parsed_peer(text)
    except PeerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listed(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)
