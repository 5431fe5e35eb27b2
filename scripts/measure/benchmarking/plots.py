"""The pictures of a benchmark, and of a soak."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from measure.benchmarking.report import MEGA, Benchmark, TradePoint, length_text, stage_names
from measure.benchmarking.runs import HOUR_S, OTHER, TRANSPORT, LengthResult

SIZE_INCH = (8.0, 4.5)
MARGIN = 1.25  # of the trade's axes beyond the highest value
_COLOURS = (
    "#7f7f7f", "#2ca02c", "#17becf", "#bcbd22", "#1f77b4", "#9467bd", "#e377c2", "#8c564b",
    "#d62728", "#aec7e8",
)  # fmt: skip
_OTHER_COLOURS = {OTHER: "#c7c7c7", TRANSPORT: "#ff7f0e"}


def draw_all(benchmark: Benchmark, folder: Path) -> None:
    """Write all pictures that have data; delete that of an earlier run's trade. May raise OSError.

    The pictures are time.png, memory.png, stages.png, clients.png and trade.png.
    """
    pictures = {"time": _time, "memory": _memory, "stages": _stages, "clients": _clients}
    (folder / "trade.png").unlink(missing_ok=True)
    if benchmark.trade:
        pictures["trade"] = _trade
    for name, draw in pictures.items():
        figure = Figure(figsize=SIZE_INCH, layout="constrained")
        draw(figure, benchmark)
        figure.savefig(folder / f"{name}.png", dpi=100)


def draw_soak_memory(
    minutes: Sequence[float], megabytes: Mapping[str, Sequence[float]], path: Path
) -> None:
    """Draw memory over the minutes of load, a line for each label. May raise OSError."""
    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    axes = figure.subplots()
    for label, values in megabytes.items():
        axes.plot(minutes, values, label=label)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="minutes of load", ylabel="MB", title="Memory of the server under load")
    axes.grid(linewidth=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def _time(figure: Figure, benchmark: Benchmark) -> None:
    axes = figure.subplots()
    _draw_subjects(axes, benchmark.lengths, lambda each: each.median_s)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(ylabel="seconds until the answer", title="Time against length, one at a time")
    axes.legend()


def _memory(figure: Figure, benchmark: Benchmark) -> None:
    axes = figure.subplots()
    _draw_subjects(axes, benchmark.lengths, lambda each: each.peak_bytes and each.peak_bytes / MEGA)
    idle = benchmark.idle_bytes / MEGA
    axes.axhline(idle, color="grey", linestyle="--", label="server idle")
    axes.set_ylim(bottom=0)
    axes.set(ylabel="peak PSS of all processes, MB", title="Memory against length")
    axes.legend()


def _draw_subjects(
    axes: Axes,
    results: Sequence[LengthResult],
    height: Callable[[LengthResult], float | None],
) -> None:
    """Draw a line for each subject over the length, where it has a height."""
    for subject in dict.fromkeys(each.subject for each in results):
        points = [(each.audio_s, height(each)) for each in results if each.subject == subject]
        known = [(audio_s, value) for audio_s, value in points if value is not None]
        axes.plot([x for x, _ in known], [y for _, y in known], "o-", label=subject)
    lengths_s = sorted({each.audio_s for each in results})
    axes.set_xscale("log")
    axes.set_xticks(lengths_s, [length_text(each) for each in lengths_s])
    axes.minorticks_off()
    axes.set_xlabel("length of the recording")
    axes.grid(linewidth=0.3)


def _stages(figure: Figure, benchmark: Benchmark) -> None:
    """Draw stacked bars, as long as the seconds for an hour of audio."""
    axes = figure.subplots()
    runs = [(each, each.middle) for each in benchmark.ours if each.middle]
    labels = [f"{length_text(each.audio_s)}, {each.subject}" for each, _ in runs]
    scales = [HOUR_S / each.audio_s for each, _ in runs]
    spent_s = [run.all_stages() for _, run in runs]
    colours = {**dict(zip(stage_names(benchmark.ours), _COLOURS, strict=False)), **_OTHER_COLOURS}
    lefts = [0.0] * len(runs)
    for stage, colour in colours.items():
        widths = [max(0.0, s.get(stage, 0)) * k for s, k in zip(spent_s, scales, strict=True)]
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
            label, colour = f"{mode}, p{percent}", line[0].get_color()
            latency.plot(numbers, values, style, color=colour, label=label)
    throughput.set_ylabel("seconds of audio per second")
    latency.set_ylabel("latency, seconds")
    numbers = sorted({each.n_clients for each in benchmark.clients})
    for axes in (throughput, latency):
        axes.set_xscale("log", base=2)
        axes.set_xticks(numbers, [str(each) for each in numbers])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("clients at once")
        axes.grid(linewidth=0.3)
        axes.legend()


def _trade(figure: Figure, benchmark: Benchmark) -> None:
    """Draw one panel per collar."""
    points = benchmark.trade
    collars = list(dict.fromkeys(collar for point in points for collar in point.ders))
    panels = figure.subplots(1, len(collars), squeeze=False)[0]
    for axes, collar in zip(panels, collars, strict=True):
        _draw_trade(axes, [point for point in points if collar in point.ders], collar)
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)


def _draw_trade(axes: Axes, points: Sequence[TradePoint], collar: str) -> None:
    for point in points:
        axes.plot([point.seconds_per_hour], [point.ders[collar]], "o", label=point.label)
    axes.set_xlim(0, MARGIN * max(point.seconds_per_hour for point in points))
    axes.set_ylim(0, MARGIN * max(point.ders[collar] for point in points))
    axes.set(xlabel="seconds for an hour of audio", ylabel=f"mean DER %, collar {collar} s")
    axes.grid(linewidth=0.3)
