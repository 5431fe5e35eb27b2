"""The pictures of a benchmark."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from measure.benchmarking.results import Benchmark
from measure.benchmarking.runs import HOUR_S, OTHER, TRANSPORT, LengthResult, all_stages
from measure.benchmarking.runs import STAGES as STAGE_NAMES
from measure.benchmarking.tables import MEGA, length_text
from measure.benchmarking.trade import TradePoint

TIME, MEMORY, STAGES = "time.png", "memory.png", "stages.png"
CLIENTS, TRADE = "clients.png", "trade.png"
SIZE_INCH = (8.0, 4.5)
MARGIN = 1.25  # of the trade's axes beyond the greatest value
_STAGE_COLOURS = (
    "#7f7f7f", "#2ca02c", "#17becf", "#bcbd22", "#1f77b4", "#9467bd", "#e377c2", "#c7c7c7",
    "#ff7f0e",
)  # fmt: skip


def draw_all(benchmark: Benchmark, folder: Path) -> list[Path]:
    """Write all pictures there is something for; those of an earlier run go.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    drawn = {TIME: _time, MEMORY: _memory, STAGES: _stages, CLIENTS: _clients}
    (folder / TRADE).unlink(missing_ok=True)
    if benchmark.trade:
        drawn[TRADE] = _trade
    for name, draw in drawn.items():
        figure = Figure(figsize=SIZE_INCH, layout="constrained")
        draw(figure, benchmark)
        figure.savefig(folder / name, dpi=100)
    return [folder / name for name in drawn]


def _time(figure: Figure, benchmark: Benchmark) -> None:
    axes = figure.subplots()
    _draw_subjects(axes, benchmark.lengths, lambda each: each.median_s)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("seconds until the answer")
    axes.set_title("Time against length, one recording at a time")
    axes.legend()


def _memory(figure: Figure, benchmark: Benchmark) -> None:
    axes = figure.subplots()
    _draw_subjects(axes, benchmark.lengths, lambda each: each.peak_bytes and each.peak_bytes / MEGA)
    idle = benchmark.idle_bytes / MEGA
    axes.axhline(idle, color="grey", linestyle="--", label="server idle")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("peak PSS of all processes, MB")
    axes.set_title("Memory against length")
    axes.legend()


def _draw_subjects(
    axes: Axes,
    results: Sequence[LengthResult],
    height: Callable[[LengthResult], float | None],
) -> None:
    """A line for each subject over the length, where it has a height."""
    for subject in dict.fromkeys(each.subject for each in results):
        points = [(each.audio_s, height(each)) for each in results if each.subject == subject]
        there = [(audio_s, value) for audio_s, value in points if value is not None]
        axes.plot([x for x, _ in there], [y for _, y in there], "o-", label=subject)
    lengths_s = sorted({each.audio_s for each in results})
    axes.set_xscale("log")
    axes.set_xticks(lengths_s, [length_text(each) for each in lengths_s])
    axes.minorticks_off()
    axes.set_xlabel("length of the recording")
    axes.grid(linewidth=0.3)


def _stages(figure: Figure, benchmark: Benchmark) -> None:
    """Stacked bars, so long as the seconds for an hour of audio."""
    axes = figure.subplots()
    runs = [(each, each.middle) for each in benchmark.ours if each.middle]
    labels = [f"{length_text(each.audio_s)}, {each.subject}" for each, _ in runs]
    scales = [HOUR_S / each.audio_s for each, _ in runs]
    spent = [all_stages(run) for _, run in runs]
    lefts = [0.0] * len(runs)
    for stage, colour in zip((*STAGE_NAMES, OTHER, TRANSPORT), _STAGE_COLOURS, strict=True):
        widths = [max(0.0, s[stage]) * k for s, k in zip(spent, scales, strict=True)]
        axes.barh(labels, widths, left=lefts, color=colour, label=stage)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("seconds for an hour of audio")
    axes.set_title("Where the time goes; decode and sad run beside the nets")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)


def _clients(figure: Figure, benchmark: Benchmark) -> None:
    throughput, latency = figure.subplots(1, 2)
    for mode in dict.fromkeys(each.mode for each in benchmark.clients):
        results = [each for each in benchmark.clients if each.mode == mode]
        numbers = [each.n_clients for each in results]
        line = throughput.plot(numbers, [each.throughput for each in results], "o-", label=mode)
        for percent, style in ((50, "o-"), (95, "o--")):
            values = [each.latency_s(percent) for each in results]
            latency.plot(
                numbers, values, style, color=line[0].get_color(), label=f"{mode}, p{percent}"
            )  # fmt: skip
    throughput.set_ylabel("seconds of audio per second")
    latency.set_ylabel("latency, seconds")
    for axes in (throughput, latency):
        _client_axis(axes, sorted({each.n_clients for each in benchmark.clients}))


def _client_axis(axes: Axes, numbers: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [str(each) for each in numbers])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("clients at once")
    axes.grid(linewidth=0.3)
    axes.legend()


def _trade(figure: Figure, benchmark: Benchmark) -> None:
    """One panel per collar."""
    points = benchmark.trade
    collars = list(dict.fromkeys(collar for point in points for collar in point.ders))
    for axes, collar in zip(
        figure.subplots(1, len(collars), squeeze=False)[0], collars, strict=True
    ):
        _draw_trade(axes, [point for point in points if collar in point.ders], collar)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)


def _draw_trade(axes: Axes, points: Sequence[TradePoint], collar: str) -> None:
    for point in points:
        axes.plot([point.seconds_per_hour], [point.ders[collar]], "o", label=point.label)
    axes.set_xlim(0, MARGIN * max(point.seconds_per_hour for point in points))
    axes.set_ylim(0, MARGIN * max(point.ders[collar] for point in points))
    axes.set_xlabel("seconds for an hour of audio")
    axes.set_ylabel(f"mean DER %, collar {collar} s")
    axes.grid(linewidth=0.3)
