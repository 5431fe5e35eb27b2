"""Measure how throughput grows with servers of one core each, direct and behind Envoy.

`python scripts/measure/measure_servers.py --help` describes options and exit codes.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from console.option_values import count
from console.run_report import log
from formats.output import RttmFolder
from inputs.audio_files import AudioError, audio_length_s
from measure.benchmarking.audio import SAMPLE
from measure.benchmarking.clients import ClientsResult, run_clients
from measure.kit.balancer import BalancerError, balancing
from measure.kit.program import add_output, exit_code, reported_options, run_program
from measure.kit.provenance import provenance
from measure.kit.report import ABSENT, markdown_table, origin_text, publish, rounded, write_json
from measure.kit.sending import Connection
from server.triton_server import TritonServer

CLIENTS = (1, 2, 4, 8, 16, 32)
REQUESTS = 16  # of all clients together, at least two of each
ROUNDS = 3
TIMEOUT_S = 600.0

EPILOG = """\
Every server is bound to a core of its own; clients and Envoy share these cores. One server and
all are measured in turn, several times, and the median of each is reported.

exit codes: 0 measured, 1 a request or a server failed, 2 wrong usage, 130 interrupted
"""
PAGE = """\
# Several servers

Written by `python scripts/measure/measure_servers.py --docs`; do not edit.

{origin}
Each server is bound to one core, which it shares with the clients and Envoy. Every client sends a
recording of {audio_s:.0f} s again as soon as it has its answer, in the mode `full`. *Direct*: the
clients know all servers, and gRPC takes turns. *Envoy*: `Dockerfile/helm/files/envoy.yaml`. `of one
server` compares with one server in the same way and with as many clients. Medians of {rounds}
rounds, in which the rows are measured in turn.

{table}"""


class Figure(NamedTuple):
    """A number of clients at servers that are reached in one way; `result` is the median round."""

    n_servers: int
    way: str
    result: ClientsResult


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    return run_program(
        partial(_prepare, options), partial(_measure, options), AudioError, BalancerError
    )


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="measure_servers.py",
        description="Measure the throughput of several servers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # fmt: off
    add("--servers", metavar="N", type=count, default=len(os.sched_getaffinity(0)),
        help="servers beside the one (default: one for each core)")
    add("--clients", metavar="N", type=count, nargs="+", default=[*CLIENTS],
        help=f"numbers of clients at once (default: {' '.join(map(str, CLIENTS))})")
    add("--requests", metavar="N", type=count, default=REQUESTS,
        help="requests of all clients together, at least two of each (default: %(default)s)")
    add("--rounds", metavar="N", type=count, default=ROUNDS, help="default: %(default)s")
    # fmt: on
    add_output(parser, "servers", "docs/benchmark-servers.md")
    options = parser.parse_args(arguments)
    if options.servers > len(os.sched_getaffinity(0)):
        parser.error(f"--servers: got {options.servers}, expected a core for each of them")
    return options


def _prepare(options: argparse.Namespace) -> dict[str, Any]:
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return provenance()


def _measure(options: argparse.Namespace, origin: dict[str, Any]) -> int:
    recording, audio_s = SAMPLE.read_bytes(), audio_length_s(SAMPLE) or 0.0
    with one_core_servers(options.servers, options.output) as urls:
        rounds = [
            list(_one_round(options, urls, recording, audio_s)) for _ in range(options.rounds)
        ]
    figures = [_median(same) for same in zip(*rounds, strict=True)]
    report = {
        **origin,
        "options": reported_options(options, ("output", "docs")),
        "figures": [
            rounded({**asdict(each.result), "servers": each.n_servers, "way": each.way})
            for each in figures
        ],
    }
    write_json(options.output / "servers.json", report)
    page = PAGE.format(
        origin=origin_text(report), audio_s=audio_s, rounds=options.rounds, table=_table(figures)
    )
    publish("benchmark-servers", options, lambda _: page)
    failures = [reason for each in rounds for figure in each for reason in figure.result.failures]
    return exit_code(options.output, failures)


@contextlib.contextmanager
def one_core_servers(n: int, log_folder: Path) -> Iterator[list[str]]:
    """Start servers, each bound to a core of its own; yields their gRPC addresses."""
    cores = os.sched_getaffinity(0)
    with contextlib.ExitStack() as stack:
        urls = []
        for core in sorted(cores)[:n]:
            os.sched_setaffinity(0, {core})  # what it starts inherits it
            try:
                server = TritonServer(log_folder / f"tritonserver-{core}.log")
                urls.append(stack.enter_context(server).url)
            finally:
                os.sched_setaffinity(0, cores)
        yield urls


def _one_round(
    options: argparse.Namespace, urls: Sequence[str], recording: bytes, audio_s: float
) -> Iterator[Figure]:
    for n_clients in options.clients:
        n_requests = max(2, options.requests // n_clients)
        for n_servers in sorted({1, len(urls)}):
            used = urls[:n_servers]
            with balancing(used) as envoy:
                for way, url in (("direct", ",".join(used)), ("Envoy", envoy.url)):
                    connection = Connection(url, "run", TIMEOUT_S, 1, {"mode": "full"})
                    result = run_clients(connection, [recording] * n_clients, audio_s, n_requests)
                    log.info(
                        "%d server(s), %s, %d client(s): %.1f s of audio per s",
                        n_servers, way, n_clients, result.throughput,
                    )  # fmt: skip
                    yield Figure(n_servers, way, result)


def _median(same: Sequence[Figure]) -> Figure:
    return sorted(same, key=lambda each: each.result.throughput)[len(same) // 2]


def _table(figures: Sequence[Figure]) -> str:
    alone = {
        (each.way, each.result.n_clients): each.result.throughput
        for each in figures
        if each.n_servers == 1
    }
    header = ["clients", "servers", "way", "requests", "failed", "audio s per s", "of one server",
              "p50 s", "p95 s"]  # fmt: skip
    rows = []
    for n_servers, way, result in figures:
        n_answers, n_failed = len(result.all_latencies_s), len(result.failures)
        share = result.throughput / alone[way, result.n_clients]
        rows.append([
            str(result.n_clients), str(n_servers), way, str(n_answers + n_failed), str(n_failed),
            f"{result.throughput:.1f}", f"{share:.2f} x",
            *(_seconds(result.latency_s(percent)) for percent in (50, 95)),
        ])  # fmt: skip
    return markdown_table(header, rows)


def _seconds(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
