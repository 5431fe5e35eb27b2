"""Measure how fast and how lean the diarization service is: time, memory, many clients.

`python scripts/measure/benchmark.py --help` tells options, what is measured, exit codes.
"""

import argparse
import contextlib
import importlib.util
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure  # noqa: F401
from console.run_report import log, set_up_logging
from diarization.arrays import Samples
from diarization.config import Options, parse_options
from diarization.stage_options import ConfigError
from formats.output import OutputError, RttmFolder
from measure.benchmarking.asking import ModeOfService
from measure.benchmarking.audio import SourceError, loaded, source_files, write_recording
from measure.benchmarking.clients import ClientsResult, run_clients
from measure.benchmarking.command_line import parsed_options
from measure.benchmarking.floor import NetsAlone
from measure.benchmarking.lengths import Subject, made, measured
from measure.benchmarking.memory import own_children, pss_bytes
from measure.benchmarking.origin import origin, told_options
from measure.benchmarking.output import write_docs, write_folder
from measure.benchmarking.peer import PeerProgram
from measure.benchmarking.results import Benchmark, report_of
from measure.benchmarking.runs import LengthResult
from measure.benchmarking.trade import TradePoint, trade_points
from measure.evaluation.compare import CompareError
from measure.kit import ROOT
from measure.kit.own_server import own_server
from measure.kit.sending import Connection
from sending.service import ServiceError
from server.triton_server import MODEL_REPOSITORY, ServerError

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
MODES = ("classic", "full")
DOCS = ROOT / "docs"
MODEL = "run"


@dataclass(frozen=True)
class _Plan:
    """A run that is ready to start."""

    options: argparse.Namespace
    service_options: Options
    sources: list[Samples]
    trade: list[TradePoint]
    origin: dict[str, Any]

    def connection(self, url: str, mode: str) -> Connection:
        """Where one mode's recordings are sent."""
        return Connection(url, MODEL, self.options.timeout, 1, {"mode": mode})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    set_up_logging(verbose=False)
    try:
        plan = _prepared(options)
    except (SourceError, ConfigError, CompareError, OutputError) as error:
        log.error("%s", error)
        return USAGE
    try:
        benchmark = _measured(plan)
        return _reported(plan, benchmark)
    except (ServiceError, ServerError, OutputError) as error:
        log.error("%s", error)
        return SOME_FAILED
    except KeyboardInterrupt:
        log.error("interrupted: nothing was written")
        return INTERRUPTED


def _prepared(options: argparse.Namespace) -> _Plan:
    """Find out all that can be wrong before anything is measured."""
    if importlib.util.find_spec("matplotlib") is None:
        raise OutputError(
            "the pictures need matplotlib, which is not installed: "
            "`pip install -r requirements-dev.txt`"
        )
    service_options = parse_options(dict(each.split("=", 1) for each in options.option))
    sources = [loaded(path) for path in source_files(options.audio_dir)]
    trade = trade_points(options.trade)
    RttmFolder(options.output)  # says at once if nothing can be written there
    return _Plan(options, service_options, sources, trade, origin())


def _measured(plan: _Plan) -> Benchmark:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        started_s = time.monotonic()
        with own_server(plan.options.option, plan.options.output) as url:
            ready_s = time.monotonic() - started_s
            idle_bytes = pss_bytes(own_children())
            log.info("the server is ready after %.1f s", ready_s)
            lengths = _lengths(plan, url, folder)
            clients = _clients(plan, url, folder)
    return Benchmark(ready_s, idle_bytes, lengths, clients, plan.trade)


def _lengths(plan: _Plan, url: str, folder: Path) -> list[LengthResult]:
    """Everything with every length, shortest first, after a first recording that does not count."""
    nets = NetsAlone(MODEL_REPOSITORY, plan.service_options)
    options = plan.options
    results: list[LengthResult] = []
    with contextlib.ExitStack() as stack:
        modes: list[Subject] = [
            ModeOfService(mode, stack.enter_context(plan.connection(url, mode).service()), nets)
            for mode in MODES
        ]
        peers = [PeerProgram(peer, folder, options.timeout) for peer in options.peer]
        for length_s in options.lengths:
            subjects = [*modes, *(peers if length_s <= options.peer_longest else [])]
            material = made(folder, plan.sources, length_s, with_wav=len(subjects) > len(modes))
            if not results:
                measured(modes, material, 1, tell=lambda _: None)
            results += measured(subjects, material, options.repeats)
            material.flac.unlink()
            material.wav.unlink(missing_ok=True)
    return results


def _clients(plan: _Plan, url: str, folder: Path) -> list[ClientsResult]:
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


def _reported(plan: _Plan, benchmark: Benchmark) -> int:
    """Print and write; returns the exit code."""
    report = report_of(benchmark, told_options(plan.options), plan.origin)
    print(write_folder(plan.options.output, benchmark, report))
    if plan.options.docs:
        write_docs(DOCS, benchmark, report)
    log.info("written: %s", plan.options.output)
    for failure in benchmark.failures:
        log.error("%s", failure)
    return SOME_FAILED if benchmark.failures else OK


if __name__ == "__main__":
    sys.exit(main())
