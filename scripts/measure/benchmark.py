"""Measure the speed and memory of the diarization service: by length, and with many clients.

`python scripts/measure/benchmark.py --help` lists the options, what is measured, the exit codes.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.option_values import count, positive_seconds
from console.run_report import log
from formats.output import RttmFolder
from measure.benchmarking.audio import InputError, Samples, load, source_files, write_recording
from measure.benchmarking.clients import ClientsResult, run_clients
from measure.benchmarking.floor import NetsAlone, options_with
from measure.benchmarking.memory import descendants, pss_bytes
from measure.benchmarking.report import (
    NAME,
    Benchmark,
    TradePoint,
    report_of,
    write_page,
)
from measure.benchmarking.runs import (
    HOUR_S,
    LengthResult,
    Material,
    ModeOfService,
    Peer,
    run_in_turn,
)
from measure.kit import ROOT
from measure.kit.own_server import own_server
from measure.kit.program import (
    FAILED,
    OK,
    add_service_options,
    require_matplotlib,
    run_program,
)
from measure.kit.provenance import provenance
from measure.kit.report import write_json
from measure.kit.sending import Connection
from server.triton_server import MODEL_REPOSITORY

MODES = ("classic", "full")
DOCS = ROOT / "docs"
MODEL = "run"
MINUTE_S = 60.0
LENGTHS_S = (30.0, 10 * MINUTE_S, HOUR_S)
LONG_S = 10 * HOUR_S
CLIENTS = (1, 2, 4, 8, 16)
REPEATS, REQUESTS, CLIENT_AUDIO_S = 3, 4, 30.0
QUICK_LENGTHS_S, QUICK_CLIENTS, QUICK_REPEATS, QUICK_REQUESTS = LENGTHS_S[:2], (1, 4, 8), 1, 2
TIMEOUT_S = 2 * HOUR_S

EPILOG = f"""\
The program starts its own server. It takes the modes in turn (classic, full, classic, full, ...),
and so the peers, since a machine is never equally quiet twice. Recordings of an hour and more are
sent once each.

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


@dataclass(frozen=True)
class _Plan:
    """A run that is ready to start."""

    options: argparse.Namespace
    floor_options: dict[str, float]
    sources: list[Samples]
    trade: list[TradePoint]
    origin: dict[str, Any]

    def connection(self, url: str, mode: str) -> Connection:
        """Where one mode's recordings are sent."""
        return Connection(url, MODEL, self.options.timeout, 1, {"mode": mode})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse_options(arguments)
    return run_program(lambda: _prepare(options), _measure_and_report, InputError)


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; end the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Measure time, memory and throughput of the diarization service.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(parser)
    options = parser.parse_args(arguments)
    names = [peer.name for peer in options.peer]
    if len(set(names)) < len(names):
        parser.error(f"--peer: every NAME once, got {', '.join(names)}")
    quick = options.quick
    lengths_s = options.lengths or (QUICK_LENGTHS_S if quick else LENGTHS_S)
    options.lengths = sorted({*lengths_s, *([LONG_S] if options.long else [])})
    options.clients = sorted(set(options.clients or (QUICK_CLIENTS if quick else CLIENTS)))
    options.repeats = options.repeats or (QUICK_REPEATS if quick else REPEATS)
    options.requests = options.requests or (QUICK_REQUESTS if quick else REQUESTS)
    return options


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    # fmt: off
    add("--quick", action="store_true", help="the short run, under 3 minutes on 2 cores")
    add("--long", action="store_true", help="a recording of 10 hours as well")
    add("--lengths", metavar="S", type=positive_seconds, nargs="+",
        help=f"lengths of recordings, seconds (default: {_listed(LENGTHS_S)})")
    add("--repeats", metavar="N", type=count,
        help=f"times each length is sent (default: {REPEATS}; from an hour on always 1)")
    add("--clients", metavar="N", type=count, nargs="+",
        help=f"numbers of clients at once (default: {_listed(CLIENTS)})")
    add("--requests", metavar="N", type=count,
        help=f"requests of each client, one after another (default: {REQUESTS})")
    add("--client_audio_s", metavar="S", type=positive_seconds, default=CLIENT_AUDIO_S,
        help="length of the clients' recordings, seconds (default: %(default)g)")
    add("--audio_dir", metavar="DIR", type=Path,
        help="recordings to join to the lengths (default: the sample recording, varied)")
    add("--peer", metavar="NAME=COMMAND", type=_peer, action="append", default=[],
        help="another program to run in turn with the service; may be repeated")
    add("--peer_longest", metavar="S", type=positive_seconds, default=HOUR_S,
        help="longest recording that peers are given, seconds (default: %(default)g)")
    add_service_options(parser)
    add("--timeout", metavar="SECONDS", type=positive_seconds, default=TIMEOUT_S,
        help="maximum time for one recording (default: %(default)g)")
    add("--output", metavar="DIR", type=Path, default=ROOT / "output" / "benchmark",
        help="where files go (default: output/benchmark)")
    add("--docs", action="store_true", help="write docs/benchmark.md and its pictures too")
    add("--trade", metavar="FILE", type=Path, nargs="+", default=[],
        help="evaluation.json files of evaluate.py: error rate against time, as a picture")
    # fmt: on


def _peer(text: str) -> Peer:
    try:
        return Peer.parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listed(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _prepare(options: argparse.Namespace) -> _Plan:
    """Find everything that can be wrong before anything is measured."""
    require_matplotlib("the pictures")
    floor_options = options_with(options.option)
    sources = [load(path) for path in source_files(options.audio_dir)]
    trade = [TradePoint.read(path) for path in options.trade]
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return _Plan(options, floor_options, sources, trade, provenance())


def _measure_and_report(plan: _Plan) -> int:
    options = plan.options
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        started_s = time.monotonic()
        with own_server(options.option, options.output) as url:
            ready_s = time.monotonic() - started_s
            idle_bytes = pss_bytes(descendants())
            log.info("the server is ready after %.1f s", ready_s)
            lengths = _measure_lengths(plan, url, folder)
            clients = _measure_clients(plan, url, folder)
    benchmark = Benchmark(ready_s, idle_bytes, lengths, clients, plan.trade)
    report = report_of(benchmark, options, plan.origin)
    write_json(options.output / "benchmark.json", report)
    print(write_page(options.output, benchmark, report))
    if options.docs:
        write_page(DOCS, benchmark, report, pictures=f"{NAME}/")
    log.info("written: %s", options.output)
    for failure in benchmark.failures:
        log.error("%s", failure)
    return FAILED if benchmark.failures else OK


def _measure_lengths(plan: _Plan, url: str, folder: Path) -> list[LengthResult]:
    """Every subject with every length, shortest first, after a warm-up that does not count."""
    nets = NetsAlone(MODEL_REPOSITORY, plan.floor_options)
    options = plan.options
    results: list[LengthResult] = []
    with contextlib.ExitStack() as stack:
        modes = [
            ModeOfService(mode, stack.enter_context(plan.connection(url, mode).service()), nets)
            for mode in MODES
        ]
        peers = [replace(peer, timeout_s=options.timeout) for peer in options.peer]
        for length_s in options.lengths:
            with_peers = bool(peers) and length_s <= options.peer_longest
            material = Material.write(folder, plan.sources, length_s, with_wav=with_peers)
            if not results:
                run_in_turn(modes, material, 1, report=lambda _: None)
            subjects = [*modes, *(peers if with_peers else [])]
            results += run_in_turn(subjects, material, options.repeats)
            material.delete()
    return results


def _measure_clients(plan: _Plan, url: str, folder: Path) -> list[ClientsResult]:
    """Every number of clients in every mode; each client has a recording of its own."""
    options = plan.options
    audio = []
    for number in range(max(options.clients)):
        path = folder / f"client_{number}.flac"
        write_recording(path, plan.sources, options.client_audio_s, first=number)
        audio.append(path.read_bytes())
    results = []
    for n_clients in options.clients:
        for mode in MODES:
            connection = plan.connection(url, mode)
            results.append(
                run_clients(connection, audio[:n_clients], options.client_audio_s, options.requests)
            )
            throughput = results[-1].throughput
            log.info("%d client(s), %s: %.1f times real time", n_clients, mode, throughput)
    return results


if __name__ == "__main__":
    sys.exit(main())
