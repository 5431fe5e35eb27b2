"""Measure the speed and memory of the diarization service: by length, and with many clients.

`python scripts/measure/benchmark.py --help` lists the options, what is measured, the exit codes.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from console.option_values import count, positive_seconds
from console.run_report import log
from formats.output import RttmFolder
from measure.benchmarking.audio import InputError, Samples, load, source_files, write_recording
from measure.benchmarking.clients import ClientsResult, run_clients
from measure.benchmarking.floor import NetsAlone, options_with
from measure.benchmarking.memory import pss_bytes
from measure.benchmarking.report import Benchmark, markdown_page, report_of
from measure.benchmarking.runs import HOUR_S, LengthResult, ModeOfService, Peer, run_in_turn
from measure.kit.own_server import own_server
from measure.kit.program import (
    add_model_config,
    add_output,
    add_service_options,
    exit_code,
    require_matplotlib,
    run_program,
)
from measure.kit.provenance import provenance
from measure.kit.report import publish, write_json
from measure.kit.sending import Connection
from server.processes import children
from server.triton_server import MODEL_REPOSITORY

MODES = ("classic", "full")
MODEL = "run"
MINUTE_S = 60.0
LENGTHS_S = (30.0, 10 * MINUTE_S, HOUR_S)
LONG_S = 10 * HOUR_S
CLIENTS = (1, 2, 4, 8, 16)
REPEATS, REQUESTS, CLIENT_AUDIO_S = 3, 4, 30.0
QUICK_LENGTHS_S, QUICK_CLIENTS, QUICK_REPEATS, QUICK_REQUESTS = LENGTHS_S[:2], (1, 4, 8), 1, 2
TIMEOUT_S = 2 * HOUR_S

EPILOG = f"""\
The program starts its own server and takes modes and peers in turn, since a machine is never
equally quiet twice. Recordings of an hour and more are sent once each.

--output gets benchmark.json, NAME.md, *.png, and the log of the server. --docs also writes
docs/NAME.md and docs/NAME/*.png, the pages of the project.

--peer 'NAME=COMMAND' is run by the shell; {{audio}} in it stands for a wav file (16 kHz, mono), and
{{output}} for a file it may write:
  --peer 'other=python diarize.py {{audio}} > {{output}}'

--quick: 30 s and 10 min, once each; 1, 4 and 8 clients with {QUICK_REQUESTS} requests each.

exit codes:
  0    everything was measured
  1    a recording or a peer failed, or the server cannot be started
  2    wrong usage or audio: nothing was measured
  130  interrupted by Ctrl-C: nothing was written, the server is stopped
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse_options(arguments)
    return run_program(
        lambda: _prepare(options),
        lambda prepared: _measure_and_report(options, *prepared),
        InputError,
    )


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
    quick, names = options.quick, [peer.name for peer in options.peer]
    if len(set(names)) < len(names):
        parser.error(f"--peer: every NAME once, got {', '.join(names)}")
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
    add("--peer", metavar="NAME=COMMAND", type=Peer.parse, action="append", default=[],
        help="another program to run in turn with the service; may be repeated")
    add("--peer_longest", metavar="S", type=positive_seconds, default=HOUR_S,
        help="longest recording that peers are given, seconds (default: %(default)g)")
    add_service_options(parser)
    add_model_config(parser)
    add("--timeout", metavar="SECONDS", type=positive_seconds, default=TIMEOUT_S,
        help="maximum time for one recording (default: %(default)g)")
    add("--page", metavar="NAME", default="benchmark",
        help="name of the page and of the folder of its pictures (default: %(default)s)")
    # fmt: on
    add_output(parser, "benchmark", "docs/NAME.md and its pictures")


def _listed(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _prepare(
    options: argparse.Namespace,
) -> tuple[list[Samples], dict[str, float], dict[str, object]]:
    """The recordings, the options of the floor, and where the figures come from."""
    require_matplotlib("the pictures")
    floor_options = options_with(options.option)
    sources = [load(path) for path in source_files(options.audio_dir)]
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return sources, floor_options, provenance()


def _measure_and_report(
    options: argparse.Namespace,
    sources: Sequence[Samples],
    floor_options: Mapping[str, float],
    origin: Mapping[str, object],
) -> int:
    started_s = time.monotonic()
    with own_server(options.option, options.output, flags=options.flags) as url:
        ready_s = time.monotonic() - started_s
        idle_bytes = pss_bytes(children(os.getpid()))
        log.info("the server is ready after %.1f s", ready_s)
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, ExitStack() as stack:
            nets = NetsAlone(MODEL_REPOSITORY, floor_options)
            modes = [
                ModeOfService(
                    mode, stack.enter_context(_connection(url, mode, options).service()), nets
                )
                for mode in MODES
            ]
            lengths = _measure_lengths(options, modes, sources, Path(folder))
        clients = _measure_clients(options, url, sources)
    benchmark = Benchmark(ready_s, idle_bytes, lengths, clients)
    report = report_of(benchmark, options, origin)
    write_json(options.output / "benchmark.json", report)
    from measure.benchmarking.plots import draw_all  # only this needs matplotlib

    publish(
        options.page, options, lambda pictures: markdown_page(benchmark, report, pictures),
        lambda folder: draw_all(benchmark, folder),
    )  # fmt: skip
    return exit_code(options.output, benchmark.failures)


def _connection(url: str, mode: str, options: argparse.Namespace) -> Connection:
    return Connection(url, MODEL, options.timeout, 1, {"mode": mode})


def _measure_lengths(
    options: argparse.Namespace,
    modes: Sequence[ModeOfService],
    sources: Sequence[Samples],
    folder: Path,
) -> list[LengthResult]:
    """Every subject with every length, shortest first, after a warm-up that does not count."""
    peers = [replace(peer, timeout_s=options.timeout) for peer in options.peer]
    results: list[LengthResult] = []
    for length_s in options.lengths:
        flac = folder / f"audio_{length_s:g}s.flac"
        write_recording(flac, sources, length_s)
        subjects: list[ModeOfService | Peer] = [*modes]
        if peers and length_s <= options.peer_longest:
            write_recording(flac.with_suffix(".wav"), sources, length_s)
            subjects += peers
        if not results:
            log.info("warming up")
            run_in_turn(modes, flac, length_s, 1)
        results += run_in_turn(subjects, flac, length_s, options.repeats)
    return results


def _measure_clients(
    options: argparse.Namespace, url: str, sources: Sequence[Samples]
) -> list[ClientsResult]:
    """Every number of clients in every mode; each client has a recording of its own."""
    audio = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for number in range(max(options.clients)):
            path = Path(folder, f"client_{number}.flac")
            write_recording(path, sources, options.client_audio_s, first=number)
            audio.append(path.read_bytes())
    results = []
    for n_clients in options.clients:
        for mode in MODES:
            connection = _connection(url, mode, options)
            results.append(
                run_clients(connection, audio[:n_clients], options.client_audio_s, options.requests)
            )
            throughput = results[-1].throughput
            log.info("%d client(s), %s: %.1f times real time", n_clients, mode, throughput)
    return results


if __name__ == "__main__":
    sys.exit(main())
