"""The pictures of a benchmark."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from measure.benchmarking.report import Benchmark, length_text, stage_names
from measure.benchmarking.runs import HOUR_S, OTHER, TRANSPORT, LengthResult
from measure.kit.report import MEGA

SIZE_INCH = (8.0, 4.5)
_COLOURS = (
    "#7f7f7f", "#2ca02c", "#17becf", "#bcbd22", "#1f77b4", "#9467bd", "#e377c2", "#8c564b",
    "#d62728", "#aec7e8",
)  # fmt: skip
_OTHER_COLOURS = {OTHER: "#c7c7c7", TRANSPORT: "#ff7f0e"}


def draw_all(benchmark: Benchmark, folder: Path) -> None:
    """Write time.png, memory.png and stages.png. May raise OSError."""
    for name, draw in {"time": _time, "memory": _memory, "stages": _stages}.items():
        figure = Figure(figsize=SIZE_INCH, layout="constrained")
        draw(figure, benchmark)
        figure.savefig(folder / f"{name}.png", dpi=100)


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
