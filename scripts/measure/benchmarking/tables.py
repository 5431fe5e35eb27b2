"""The tables of a benchmark, in Markdown."""

from collections.abc import Sequence

from measure.benchmarking.clients import ClientsResult
from measure.benchmarking.runs import OTHER, STAGES, TRANSPORT, LengthResult, all_stages
from measure.benchmarking.spread import Spread
from measure.benchmarking.trade import TradePoint
from measure.kit.report import markdown_table

ABSENT = "–"
MEGA = 1e6
WHOLE_FROM = 100  # seconds: from here on without decimals
_UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))


def length_text(audio_s: float) -> str:
    """A length as people say it: 30 s, 10 min, 1 h."""
    unit_s, unit = next(((s, unit) for s, unit in _UNITS if audio_s >= s), _UNITS[-1])
    return f"{audio_s / unit_s:.4g} {unit}"


def time_table(results: Sequence[LengthResult]) -> str:
    """Wall time and speed."""
    header = ["audio", "mode", "runs", "wall s", "least – most", "real-time factor",
              "times real time"]  # fmt: skip
    rows = []
    for each in results:
        wall_s = each.wall_s
        row = [length_text(each.audio_s), each.subject, str(len(each.good))]
        if wall_s is None:
            rows.append([*row, "failed", *[ABSENT] * 3])
            continue
        factor = wall_s.median / each.audio_s
        rows.append(
            [*row, seconds(wall_s.median), _range(wall_s), f"{factor:.4f}", f"{1 / factor:.0f}"]
        )
    return markdown_table(header, rows)


def memory_table(results: Sequence[LengthResult], idle_bytes: int) -> str:
    """Peak memory of all processes of the server."""
    rows = [["idle", ABSENT, ABSENT, megabytes(idle_bytes), ABSENT]]
    for each in results:
        peak = each.peak_bytes
        above = ABSENT if peak is None else megabytes(peak - idle_bytes)
        upload = f"{each.upload_bytes / MEGA:.1f}"
        rows.append([length_text(each.audio_s), each.subject, upload, megabytes(peak), above])
    return markdown_table(["audio", "mode", "FLAC MB", "peak MB", "above idle MB"], rows)


def stages_table(results: Sequence[LengthResult]) -> str:
    """Seconds by stage of the median run."""
    stages = [*STAGES, OTHER, TRANSPORT]
    rows = []
    for each in results:
        if each.middle is not None:
            spent = all_stages(each.middle)
            cells = [seconds(spent[stage]) for stage in stages]
            row = [length_text(each.audio_s), each.subject, *cells, seconds(each.middle.wall_s)]
            rows.append(row)
    return markdown_table(["audio", "mode", *stages, "wall"], rows)


def floor_table(results: Sequence[LengthResult]) -> str:
    """The nets alone, and how much more the service takes."""
    header = ["audio", "mode", "windows", "chunks", "speaker s", "segmentation s", "floor s",
              "wall s", "overhead"]  # fmt: skip
    rows = []
    for each in results:
        run = each.middle
        if run is None or run.floor is None:
            continue
        floor = run.floor
        counts = [str(floor.n_windows), str(floor.n_chunks) if floor.n_chunks else ABSENT]
        cells = [seconds(floor.speaker_s), seconds(floor.segmentation_s), seconds(floor.total_s)]
        wall = [seconds(run.wall_s), _times(each.overhead)]
        rows.append([length_text(each.audio_s), each.subject, *counts, *cells, *wall])
    return markdown_table(header, rows)


def peers_table(ours: Sequence[LengthResult], peers: Sequence[LengthResult]) -> str:
    """Other programs, and their time and memory over ours in each mode."""
    modes = list(dict.fromkeys(each.subject for each in ours))
    header = ["audio", "program", "runs", "wall s", "least – most", "peak MB"]
    header += [f"time / {mode}" for mode in modes] + [f"memory / {mode}" for mode in modes]
    by_place = {(each.subject, each.audio_s): each for each in ours}
    rows = []
    for each in peers:
        row = [length_text(each.audio_s), each.subject, str(len(each.good))]
        row += [_median(each.wall_s), _range(each.wall_s), megabytes(each.peak_bytes)]
        same = [by_place[mode, each.audio_s] for mode in modes]
        row += [_times(ratio(each.median_s, other.median_s)) for other in same]
        row += [_times(ratio(each.peak_bytes, other.peak_bytes)) for other in same]
        rows.append(row)
    return markdown_table(header, rows)


def clients_table(results: Sequence[ClientsResult]) -> str:
    """Throughput, latency and fairness."""
    header = ["clients", "mode", "requests", "failed", "audio s per s", "of one client", "p50 s",
              "p95 s", "slowest / fastest", "peak MB"]  # fmt: skip
    alone = {each.mode: each.throughput for each in results if each.n_clients == 1}
    rows = [
        [
            str(each.n_clients),
            each.mode,
            str(len(each.all_latencies_s) + len(each.failures)),
            str(len(each.failures)),
            f"{each.throughput:.1f}",
            _times(ratio(each.throughput, alone.get(each.mode))),
            seconds(each.latency_s(50)),
            seconds(each.latency_s(95)),
            _times(each.unfairness),
            megabytes(each.peak_bytes),
        ]
        for each in results
    ]
    return markdown_table(header, rows)


def batches_table(results: Sequence[ClientsResult]) -> str:
    """Average batches by model: items, and requests merged."""
    models = sorted({name for each in results for name in each.batches} - {"run", "sad"})
    header = ["clients", "mode"]
    header += [text for name in models for text in (f"{name}: items", "requests")]
    rows = []
    for each in results:
        row = [str(each.n_clients), each.mode]
        for name in models:
            size = each.batches.get(name)
            row += [f"{size.items:.1f}", f"{size.requests:.2f}"] if size else [ABSENT] * 2
        rows.append(row)
    return markdown_table(header, rows)


def trade_table(points: Sequence[TradePoint]) -> str:
    """Error rate against time."""
    collars = list(dict.fromkeys(collar for point in points for collar in point.ders))
    header = ["evaluation", *(f"DER % at {collar} s" for collar in collars), "s per hour", "jobs"]
    rows = [
        [
            point.label,
            *(f"{point.ders[each]:.2f}" if each in point.ders else ABSENT for each in collars),
            f"{point.seconds_per_hour:.1f}",
            str(point.jobs),
        ]
        for point in points
    ]
    return markdown_table(header, rows)


def ratio(value: float | None, other: float | None) -> float | None:
    """One over the other; None where either is missing, or nothing is divided by."""
    return value / other if value is not None and other else None


def seconds(value: float | None) -> str:
    """Seconds, two decimals below 100."""
    return (
        ABSENT if value is None else f"{value:.2f}" if abs(value) < WHOLE_FROM else f"{value:.0f}"
    )


def megabytes(n_bytes: int | None) -> str:
    """Megabytes (10^6 bytes)."""
    return ABSENT if n_bytes is None else f"{n_bytes / MEGA:.0f}"


def _times(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f} x"


def _median(spread: Spread | None) -> str:
    return "failed" if spread is None else seconds(spread.median)


def _range(spread: Spread | None) -> str:
    return ABSENT if spread is None else f"{seconds(spread.least)} – {seconds(spread.greatest)}"
