"""The report of a benchmark: its page with tables, its JSON document, and its files."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from measure.benchmarking.clients import ClientsResult
from measure.benchmarking.processors import NETS, SERVER, GpuUse, host_s
from measure.benchmarking.runs import OTHER, TOTAL, TRANSPORT, LengthResult
from measure.kit.program import reported_options
from measure.kit.report import ABSENT, MEGA, markdown_table, megabytes, origin_text, rounded

FORMAT = "diarization-benchmark-1"
PARTS = (*NETS, "sad", "run", SERVER)
WHOLE_FROM = 100  # seconds: from here on without decimals
UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))

_INTRODUCTION = """\
Written by `python scripts/measure/benchmark.py`; do not edit. Compare only figures of this page:
all of them come from one run on one machine, the modes taken in turn.
"""
_TIME = """\
One recording at a time, sent as FLAC over gRPC on the same machine. `wall` is the median from
before sending until the answer; the real-time factor is wall over length.
"""
_MEMORY = """\
PSS summed over all processes of the server: pages that processes share count once. It is measured
before and after a run and, from half a second on, whenever the resident size is higher than
before. The server is not restarted in between, so what a process keeps from an earlier recording
counts in the later ones. One MB is 10^6 bytes.
"""
_PROCESSORS = """\
CPU seconds of the server's processes in the median run: of both nets, of `sad`, of all instances
of `run`, and of Triton with the proxy (`server`). `host` is all but the two nets. By nvidia-smi:
mean utilization and power of the GPUs, and the most memory that all programs on them held.
"""
_STAGES = """\
Seconds that each stage took in the median run: of a net, those in which the request waited for it.
A longer recording is decoded, and its speech detected, one block ahead of the nets; these stages
then run beside the others, and all of them add up to more than the wall. `other` is the rest of the
server's own total, `transport` the rest of the client's wait.
"""
_FLOOR = """\
What ONNX Runtime alone needs, in one process on all cores, for the same number of windows (speaker
net) and chunks (segmentation net), measured right after each run; long recordings from a part of
their batches. Decoding, silero, features and clustering are not in it. `overhead` is the median
wall over the median floor; the other columns are of the median run.
"""
_PEERS = """\
Run in turn with the service on the same recordings as wav files, by the commands below. Their time
is from the start of the command to its end, including what they load, unlike a server's; their
memory is the PSS of all their processes. `time / full` above 1 means slower than the mode `full`.
"""
_CLIENTS = """\
Every client has a connection and a recording of its own, of {length}, and sends again as soon as it
has its answer, {requests} times. `of one client` is the throughput over that of one client alone;
`slowest / fastest` compares the clients' mean latencies; `host s` is per answer.
Several servers: [benchmark-servers.md](benchmark-servers.md).
"""
_GPU = ("GPU %", "GPU W", "GPU MB")


@dataclass(frozen=True)
class Benchmark:
    """A whole run."""

    ready_s: float  # seconds from the start of the server until all models were ready
    idle_bytes: int  # PSS of all its processes then
    lengths: Sequence[LengthResult]  # by length, then by subject
    clients: Sequence[ClientsResult]  # by number of clients, then by mode

    @property
    def ours(self) -> list[LengthResult]:
        """Results of the service."""
        return [each for each in self.lengths if not each.is_peer]

    @property
    def failures(self) -> list[str]:
        """One sentence for every run, and every kind of clients' request, without an answer."""
        of_lengths = [
            f"{each.subject}, {each.audio_s:g} s of audio: {run.failure}"
            for each in self.lengths
            for run in each.runs
            if run.failure is not None
        ]
        of_clients = [
            f"{each.mode}, {each.n_clients} client(s): {reason} ({n} times)"
            for each in self.clients
            for reason, n in Counter(each.failures).items()
        ]
        return of_lengths + of_clients


def report_of(
    benchmark: Benchmark, options: argparse.Namespace, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the JSON document."""
    shown = reported_options(options, ("output", "docs", "page", "audio_dir"))
    shown["audio_dir"] = options.audio_dir and options.audio_dir.name
    return {"format": FORMAT, **provenance, "options": shown, **rounded(asdict(benchmark))}


def markdown_page(benchmark: Benchmark, report: Mapping[str, Any], pictures: str) -> str:
    """Write the page; `pictures` precedes the file names of the pictures."""
    ours, options = benchmark.ours, report["options"]
    versions = ", ".join(f"{name} {each}" for name, each in report["versions"].items() if each)
    machine = f"- {report['machine']['memory_gb']:g} GB of memory, {report['machine']['system']}\n"
    machine += "".join(f"- {card}\n" for card in report["machine"]["gpus"])
    clients = _CLIENTS.format(
        length=length_text(float(options["client_audio_s"])), requests=options["requests"]
    )
    parts = [
        "# Benchmark\n", _INTRODUCTION, f"{origin_text(report)}{machine}- {versions}\n",
        f"The server was ready {benchmark.ready_s:.1f} s after its start, with "
        f"{megabytes(benchmark.idle_bytes)} MB.\n",
        "## Time against length\n", _TIME, time_table(ours), f"![time]({pictures}time.png)\n",
        "## Memory against length\n", _MEMORY, memory_table(ours, benchmark.idle_bytes),
        f"![memory]({pictures}memory.png)\n",
        "## Processor time\n", _PROCESSORS, processor_table(ours),
        "## Stages\n", _STAGES, stages_table(ours), f"![stages]({pictures}stages.png)\n",
        "## The floor\n", _FLOOR, floor_table(ours),
    ]  # fmt: skip
    if peers := [each for each in benchmark.lengths if each.is_peer]:
        commands = "".join(f"- {text}\n" for text in options["peer"])
        parts += ["## Other programs\n", _PEERS, commands, peers_table(ours, peers)]
    parts += ["## Many clients\n", clients, clients_table(benchmark.clients)]
    if benchmark.failures:
        parts += ["## Failed\n", "".join(f"- {each}\n" for each in benchmark.failures)]
    return "\n".join(parts)


def time_table(results: Sequence[LengthResult]) -> str:
    """Wall time and speed."""
    header = ["audio", "mode", "runs", "wall s", "least – most", "real-time factor",
              "times real time"]  # fmt: skip
    rows = []
    for each in results:
        speed = [ABSENT] * 2
        if each.median_s is not None:
            factor = each.median_s / each.audio_s
            speed = [f"{factor:.4f}", f"{1 / factor:.0f}"]
        rows.append([*_names(each), *_walls(each), *speed])
    return markdown_table(header, rows)


def memory_table(results: Sequence[LengthResult], idle_bytes: int) -> str:
    """Peak memory of all processes of the server."""
    rows = [["idle", ABSENT, ABSENT, megabytes(idle_bytes), ABSENT]]
    for each in results:
        peak = each.peak_bytes
        above = None if peak is None else peak - idle_bytes
        upload = f"{each.upload_bytes / MEGA:.1f}"
        rows.append([*_names(each), upload, megabytes(peak), megabytes(above)])
    return markdown_table(["audio", "mode", "FLAC MB", "peak MB", "above idle MB"], rows)


def processor_table(results: Sequence[LengthResult]) -> str:
    """CPU seconds by part, and the use of GPUs, of the median run."""
    rows = []
    for each in results:
        if run := each.middle:
            parts = [run.cpu_s.get(part) for part in PARTS] if run.cpu_s else [None] * len(PARTS)
            spent = map(seconds, [host_s(run.cpu_s), *parts])
            rows.append([*_names(each), *spent, *_gpu(run.gpu)])
    return markdown_table(["audio", "mode", "host", *PARTS, *_GPU], rows)


def stage_names(results: Sequence[LengthResult]) -> list[str]:
    """Names of the server's stages; the mode with the most has them all, in order."""
    runs = [each.middle.stage_s for each in results if each.middle]
    names = [name for run in sorted(runs, key=len, reverse=True) for name in run]
    return list(dict.fromkeys(name for name in names if name != TOTAL))


def stages_table(results: Sequence[LengthResult]) -> str:
    """Seconds by stage of the median run."""
    stages = [*stage_names(results), OTHER, TRANSPORT]
    rows = []
    for each in results:
        if run := each.middle:
            spent_s = run.all_stages()
            times_s = [*(spent_s.get(stage, 0.0) for stage in stages), run.wall_s]
            rows.append([*_names(each), *map(seconds, times_s)])
    return markdown_table(["audio", "mode", *stages, "wall"], rows)


def floor_table(results: Sequence[LengthResult]) -> str:
    """The nets alone, and how much more the service takes."""
    header = ["audio", "mode", "windows", "chunks", "speaker s", "segmentation s", "floor s",
              "wall s", "overhead"]  # fmt: skip
    rows = []
    for each in results:
        if (run := each.middle) and (floor := run.floor):
            counts = [str(floor.n_windows), str(floor.n_chunks or ABSENT)]
            times_s = floor.speaker_s, floor.segmentation_s, floor.total_s, run.wall_s
            rows.append([*_names(each), *counts, *map(seconds, times_s), _times(each.overhead)])
    return markdown_table(header, rows)


def peers_table(ours: Sequence[LengthResult], peers: Sequence[LengthResult]) -> str:
    """Other programs, and their time and memory over ours in each mode."""
    modes = list(dict.fromkeys(each.subject for each in ours))
    header = ["audio", "program", "runs", "wall s", "least – most", "peak MB"]
    header += [f"{what} / {mode}" for what in ("time", "memory") for mode in modes]
    by_place = {(each.subject, each.audio_s): each for each in ours}
    rows = []
    for each in peers:
        same = [by_place[mode, each.audio_s] for mode in modes]
        ratios = [ratio(each.median_s, other.median_s) for other in same]
        ratios += [ratio(each.peak_bytes, other.peak_bytes) for other in same]
        peak = megabytes(each.peak_bytes)
        rows.append([*_names(each), *_walls(each), peak, *map(_times, ratios)])
    return markdown_table(header, rows)


def clients_table(results: Sequence[ClientsResult]) -> str:
    """Throughput, latency and fairness."""
    header = ["clients", "mode", "requests", "failed", "audio s per s", "of one client", "p50 s",
              "p95 s", "slowest / fastest", "peak MB", "host s", *_GPU]  # fmt: skip
    alone = {each.mode: each.throughput for each in results if each.n_clients == 1}
    rows = []
    for each in results:
        n_failed = len(each.failures)
        n_sent = len(each.all_latencies_s) + n_failed
        rows.append([
            str(each.n_clients), each.mode, str(n_sent), str(n_failed), f"{each.throughput:.1f}",
            _times(ratio(each.throughput, alone.get(each.mode))), seconds(each.latency_s(50)),
            seconds(each.latency_s(95)), _times(each.unfairness), megabytes(each.peak_bytes),
            seconds(each.host_s), *_gpu(each.gpu),
        ])  # fmt: skip
    return markdown_table(header, rows)


def length_text(audio_s: float) -> str:
    """Write a length with its unit: 30 s, 10 min, 1 h."""
    unit_s, unit = next(((s, unit) for s, unit in UNITS if audio_s >= s), UNITS[-1])
    return f"{audio_s / unit_s:.4g} {unit}"


def ratio(value: float | None, other: float | None) -> float | None:
    """One over the other; None where either is missing, or the other is 0."""
    return value / other if value is not None and other else None


def seconds(value: float | None) -> str:
    """Write seconds, with two decimals below 100."""
    if value is None:
        return ABSENT
    return f"{value:.2f}" if abs(value) < WHOLE_FROM else f"{value:.0f}"


def _gpu(use: GpuUse | None) -> list[str]:
    if use is None:
        return [ABSENT] * len(_GPU)
    watts = ABSENT if use.watts is None else f"{use.watts:.0f}"
    return [f"{use.percent:.0f}", watts, megabytes(use.peak_bytes)]


def _times(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f} x"


def _names(result: LengthResult) -> list[str]:
    return [length_text(result.audio_s), result.subject]


def _walls(result: LengthResult) -> list[str]:
    """Cells of the number of runs, their median and their range."""
    if not result.good:
        return ["0", "failed", ABSENT]
    fastest, slowest = result.good[0], result.good[-1]
    span = f"{seconds(fastest.wall_s)} – {seconds(slowest.wall_s)}"
    return [str(len(result.good)), seconds(result.median_s), span]
