"""The page of a benchmark: every table and picture, and what each means."""

from collections.abc import Mapping
from typing import Any

from measure.benchmarking.plots import CLIENTS, MEMORY, STAGES, TIME, TRADE
from measure.benchmarking.results import Benchmark
from measure.benchmarking.tables import (
    batches_table,
    clients_table,
    floor_table,
    length_text,
    megabytes,
    memory_table,
    peers_table,
    stages_table,
    time_table,
    trade_table,
)
from measure.kit.report import origin_text

_INTRODUCTION = """\
Written by `python scripts/measure/benchmark.py`; do not edit. Compare only what stands on this
page: all of it comes from one run on one machine, the modes taken in turn.
"""
_TIME = """\
One recording at a time, sent as FLAC over gRPC on the same machine. `wall` is the median from
before sending until the answer; the real-time factor is wall over length.
"""
_MEMORY = """\
PSS summed over all processes of the server: pages that processes share count once. It is looked at
before and after a run and, from half a second on, whenever there are more resident pages than
before. The server is not restarted in between, so what a process keeps from an earlier recording
counts in the later ones. One MB is 10^6 bytes.
"""
_STAGES = """\
Seconds that each stage took in the median run: of a net, those in which the request waited for it.
A longer recording is decoded, and its speech detected, one block ahead of the nets; these stages
then run beside the others, and all of them add up to more than the wall. `other` is what the
server's own total has beyond its stages, `transport` what the client waited beyond that total.
"""
_FLOOR = """\
What ONNX Runtime alone needs, in one process on all cores, for the same number of windows (speaker
net) and chunks (segmentation net), measured right after each run; long recordings from a part of
their batches. Decoding, silero, features and clustering are not in it. `overhead` is the median
wall over the median floor; the other columns are of the median run.
"""
_PEERS = """\
Run in turn with the service on the same recordings as wav files, by the commands below. Their time
goes from the start of the command to its end, so what they load is in it, unlike a server's; their
memory is the PSS of all their processes. `time / full` above 1 means slower than the mode `full`.
"""
_CLIENTS = """\
Every client has a connection and a recording of its own, of {length}, and sends again as soon as it
has its answer, {requests} times. `of one client` is the throughput over that of one client alone;
`slowest / fastest` compares the clients' mean latencies.
"""
_BATCHES = """\
Triton's own statistics over each row above: items (windows of the speaker net, chunks of the
segmentation net) in an average run of the net, and requests merged into it.
"""
_TRADE = """\
Evaluations by `scripts/measure/evaluate.py`: mean DER over its sets, overlap scored, and wall time
per hour of audio with so many jobs (recordings in flight).
"""


def markdown_page(benchmark: Benchmark, report: Mapping[str, Any], pictures: str) -> str:
    """Tell all of a run; `pictures` stands before the file names of the pictures."""
    parts = [
        "# Benchmark\n",
        _INTRODUCTION,
        _origin(report),
        f"The server was ready {benchmark.ready_s:.1f} s after its start, "
        f"with {megabytes(benchmark.idle_bytes)} MB.\n",
        *_lengths(benchmark, pictures),
        *_peers(benchmark, report),
        *_clients(benchmark, report, pictures),
        *_trade(benchmark, pictures),
        *_failures(benchmark),
    ]
    return "\n".join(parts)


def _origin(report: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    memory = f"- {report['machine']['memory_gb']:g} GB of memory, {report['machine']['system']}\n"
    return f"{origin_text(report)}{memory}- {versions}\n"


def _lengths(benchmark: Benchmark, pictures: str) -> list[str]:
    ours = benchmark.ours
    return [
        "## Time against length\n", _TIME, time_table(ours), _picture(pictures, TIME),
        "## Memory against length\n", _MEMORY, memory_table(ours, benchmark.idle_bytes),
        _picture(pictures, MEMORY),
        "## Stages\n", _STAGES, stages_table(ours), _picture(pictures, STAGES),
        "## The floor\n", _FLOOR, floor_table(ours),
    ]  # fmt: skip


def _peers(benchmark: Benchmark, report: Mapping[str, Any]) -> list[str]:
    if not benchmark.peers:
        return []
    commands = "".join(f"- {text}\n" for text in report["options"]["peer"])
    return ["## Other programs\n", _PEERS, commands, peers_table(benchmark.ours, benchmark.peers)]


def _clients(benchmark: Benchmark, report: Mapping[str, Any], pictures: str) -> list[str]:
    options = report["options"]
    length = length_text(options["client_audio_s"])
    told = _CLIENTS.format(length=length, requests=options["requests"])
    return [
        "## Many clients\n", told, clients_table(benchmark.clients), _picture(pictures, CLIENTS),
        "### Batches\n", _BATCHES, batches_table(benchmark.clients),
    ]  # fmt: skip


def _trade(benchmark: Benchmark, pictures: str) -> list[str]:
    if not benchmark.trade:
        return []
    return ["## Error against time\n", _TRADE, trade_table(benchmark.trade),
            _picture(pictures, TRADE)]  # fmt: skip


def _failures(benchmark: Benchmark) -> list[str]:
    if not benchmark.failures:
        return []
    return ["## Failed\n", "".join(f"- {each}\n" for each in benchmark.failures)]


def _picture(pictures: str, name: str) -> str:
    return f"![{name.removesuffix('.png')}]({pictures}{name})\n"
