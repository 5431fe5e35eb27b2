"""The measured parts of docs/live.md, and its picture."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from measure.kit.report import ABSENT, markdown_table, megabytes, origin_text
from measure.live_measuring.accuracy import KINDS, MEAN, SetFigures, means
from measure.live_measuring.load import LoadResult
from measure.live_measuring.long import LongResult
from scoring.scores import COLLARS_S

ACCURACY, LOAD, PEER = "measured accuracy", "measured load", "measured peer"
LONG = "measured long"
PICTURE = "live-latency.png"
SIZE_INCH = (9.0, 4.0)
_WRITTEN = "Written by `python scripts/measure/measure_live.py --docs`; do not edit this part.\n"
_ACCURACY = """\
Every recording was streamed in pieces of {piece:g} s. The numbers after *first*, *relabelled* and
*result* are collars in seconds: below them is the DER in %, overlap scored, a set's recordings
together; `mean` is that of the sets. *First*: each moment with the speakers that were first
reported for it. *Relabelled*: the turns after all events but the result, so with what changed
before they were final, and relabels. *Result*: the RTTM at the end. `relabels`: per minute after
the first minute. `speakers`: true / relabelled / in the result, mean of the recordings. `as run`:
recordings whose result is that of `run`, byte for byte.
"""
_LOAD = """\
Sessions at real pace, {seconds:g} s each, at a latency of {latency_s} s, all from one recording and
their pieces spread evenly. The lag is the time from when a piece was due, which is when its last
sample was spoken, to its answer; a piece is sent when it is due and the one before it is answered.
`result` is the time from the end of the audio to the result. All in seconds.
"""
_LONG = """\
One session at a latency of {latency_s} s, recordings joined and repeated, in pieces of {piece:g} s,
each sent when the one before is answered. Seconds from a piece to its answer; memory (PSS) of the
process of `stream` at the end of the hour; relabels in the hour; speakers with a turn so far. The
result came {result_s:.1f} s after the end, and is {as_run} of `run`.
"""
_PEER = """\
The program above on the same recordings, one at a time. Columns are those of the table of the
service; *relabelled* and `relabels` are by the relabels that the program reports. `update s`:
median / longest time of one of its updates.
"""


def accuracy_text(figures: Sequence[SetFigures], report: Mapping[str, Any]) -> str:
    """Write what was right."""
    origin = _origin(report, "latency", "piece", "limit", "jobs")
    legend = _ACCURACY.format(piece=report["options"]["piece"])
    picture = f"![DER against latency]({PICTURE})\n"
    return "\n".join([_WRITTEN, origin, legend, accuracy_table(figures), picture])


def peer_text(
    figures: Sequence[SetFigures],
    updates_s: Mapping[str, Sequence[float]],
    report: Mapping[str, Any],
) -> str:
    """Write what was right of another program; `updates_s` are times of its updates by set."""
    origin = _origin(report, "peer", "latency", "limit")
    return "\n".join([_WRITTEN, origin, _PEER, accuracy_table(figures, updates_s)])


def load_text(results: Sequence[LoadResult], latency_s: str, report: Mapping[str, Any]) -> str:
    """Write how late answers come."""
    legend = _LOAD.format(seconds=report["options"]["seconds"], latency_s=latency_s)
    origin = _origin(report, "sessions", "step", "seconds")
    return "\n".join([_WRITTEN, origin, legend, load_table(results)])


def long_text(found: LongResult, latency_s: str, report: Mapping[str, Any]) -> str:
    """Write what a session of hours costs."""
    legend = _LONG.format(
        latency_s=latency_s,
        piece=report["options"]["piece"],
        result_s=found.result_s,
        as_run="that" if found.as_run else "not that",
    )
    header = ["hour", "min", "median s", "95 %", "longest", "memory MB", "relabels", "speakers"]
    rows = [
        [
            str(number),
            f"{each.audio_s / 60:.0f}",
            *(f"{np.percentile(each.answers_s, percent):.3f}" for percent in (50, 95, 100)),
            megabytes(each.memory_bytes or None),
            str(each.n_relabels),
            str(each.n_speakers),
        ]
        for number, each in enumerate(found.hours, start=1)
    ]
    origin = _origin(report, "long", "piece")
    return "\n".join([_WRITTEN, origin, legend, markdown_table(header, rows)])


def _origin(report: Mapping[str, Any], *options: str) -> str:
    return origin_text({**report, "options": {name: report["options"][name] for name in options}})


def accuracy_table(
    figures: Sequence[SetFigures], updates_s: Mapping[str, Sequence[float]] | None = None
) -> str:
    """A row for each set and latency, those of the means last; for a peer, with its updates."""
    rates = [f"{kind} {collar_s:g}" for collar_s in COLLARS_S for kind in KINDS]
    last = "as run" if updates_s is None else "update s"
    header = ["set", "latency s", "files", "min", *rates, "relabels", "speakers", last]
    rows = [
        [
            each.name,
            each.latency_s,
            str(each.n_recordings),
            f"{each.audio_s / 60:.1f}",
            *_ders(each),
            ABSENT if each.relabels_per_min is None else f"{each.relabels_per_min:.2f}",
            " / ".join(f"{n:.1f}" for n in each.n_speakers),
            f"{each.n_as_run} of {each.n_recordings}"
            if updates_s is None
            else _update(updates_s, each.name),
        ]
        for each in [*figures, *means(figures)]
    ]
    return markdown_table(header, rows)


def _ders(figures: SetFigures) -> list[str]:
    n_collars = len(COLLARS_S)
    if not figures.ders:
        return [ABSENT] * n_collars * len(KINDS)
    return [f"{figures.ders[kind][place]:.2f}" for place in range(n_collars) for kind in KINDS]


def _update(updates_s: Mapping[str, Sequence[float]], name: str) -> str:
    spent_s = [*chain(*updates_s.values())] if name == MEAN else updates_s[name]
    return f"{median(spent_s):.2f} / {max(spent_s):.2f}" if spent_s else ABSENT


def load_table(results: Sequence[LoadResult]) -> str:
    """A row for each length of pieces and number of sessions."""
    header = ["piece s", "sessions", "median lag", "95 %", "longest", "median result", "longest"]
    rows = [
        [
            f"{each.piece_s:g}",
            str(each.n_sessions),
            *(f"{each.lag_s(percent):.3f}" for percent in (50, 95, 100)),
            *(f"{value:.2f}" for value in (median(each.results_s), max(each.results_s))),
        ]
        for each in results
    ]
    return markdown_table(header, rows)


def draw(figures: Sequence[SetFigures], path: Path) -> None:
    """Write a PNG of the mean error rates. May raise OSError."""
    latency_figure(means(figures)).savefig(path, dpi=100)


def latency_figure(mean_figures: Sequence[SetFigures]) -> Figure:
    """Draw error rate against latency, a panel for each collar, a line for each kind of turns."""
    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    panels = figure.subplots(1, len(COLLARS_S), sharey=True)
    scored = sorted(
        (each for each in mean_figures if each.ders), key=lambda each: float(each.latency_s)
    )
    latencies_s = [float(each.latency_s) for each in scored]
    for place, (axes, collar_s) in enumerate(zip(panels, COLLARS_S, strict=True)):
        for kind in KINDS:
            axes.plot(latencies_s, [each.ders[kind][place] for each in scored], "o-", label=kind)
        axes.set_xscale("log", base=2)
        axes.set_xticks(latencies_s, [each.latency_s for each in scored])
        axes.minorticks_off()
        axes.set(xlabel="latency, s", title=f"collar {collar_s:g} s")
        axes.grid(linewidth=0.3)
    panels[0].set_ylim(bottom=0)  # of all panels, once all lines are there
    panels[0].set_ylabel("DER %, mean of the sets")
    panels[0].legend()
    return figure
