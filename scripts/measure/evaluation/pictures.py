"""Pictures: the turns of one recording with its errors, and figures against length."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from formats.result import Turn, by_speaker
from measure.evaluation.results import RecordingResult, SetResult
from scoring.scores import COLLARS_S
from viewer.errors import KINDS, Error, find_errors, match_speakers

STRIP_S = 60.0  # a longer recording is cut into several strips,
MAX_STRIPS = 8  # but into no more than these
WIDTH_INCH, LANE_INCH, STRIP_MARGIN_INCH, TITLE_INCH = 15.0, 0.2, 0.45, 0.9
LENGTHS_INCH = (11.0, 4.5)
_COLOURS = (
    "#1f77b4", "#2ca02c", "#17becf", "#8c564b", "#bcbd22", "#e377c2", "#7f9ec0", "#3b5b2a",
    "#005f73", "#b08968", "#355070", "#94d2bd", "#4a4e69", "#a3b18a", "#d4b483", "#606c38",
)  # fmt: skip
_UNMATCHED = "#9a9a9a"
_ERRORS = dict(zip(KINDS, ("#d62728", "#ff7f0e", "#9400d3"), strict=True))

Lane = tuple[str, str, list[tuple[float, float]]]  # name, colour, (begin s, end s) of its bars


def draw_timeline(result: RecordingResult, title: str, path: Path) -> None:
    """Write a PNG: true speakers on top, errors, found speakers.

    A found speaker has the colour of the true one it matches, or is grey.
    """
    lanes = timeline_lanes(result.reference, result.found)
    bounds = strip_bounds([*result.reference, *result.found], result.audio_s or 0.0)
    height = len(bounds) * (len(lanes) * LANE_INCH + STRIP_MARGIN_INCH) + TITLE_INCH
    figure = Figure(figsize=(WIDTH_INCH, height), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(bounds), squeeze=False)[:, 0]
    for strip, (begin_s, end_s) in zip(axes, bounds, strict=True):
        _draw_strip(strip, lanes, begin_s, end_s)
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=100)


def strip_bounds(turns: Sequence[Turn], audio_s: float) -> list[tuple[float, float]]:
    """Cut the time from 0 to the end of audio and turns into strips of equal length, (s, s)."""
    end_s = max([audio_s, STRIP_S / 60, *(turn.end_ms / 1000 for turn in turns)])
    n_strips = min(MAX_STRIPS, math.ceil(end_s / STRIP_S))
    length_s = end_s / n_strips
    return [(i * length_s, (i + 1) * length_s) for i in range(n_strips)]


def timeline_lanes(reference: Sequence[Turn], found: Sequence[Turn]) -> list[Lane]:
    """Lanes from top to bottom: true speakers, kinds of error, found speakers in that order."""
    match = match_speakers(reference, found)
    true_turns, found_turns = by_speaker(reference), by_speaker(found)
    names = list(true_turns)
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    place = {name: names.index(true) for name, true in match.items()}
    wrong = find_errors(reference, found, match)
    return [
        *((name, colours[name], _bars(turns)) for name, turns in true_turns.items()),
        *(
            (kind, colour, _bars([each for each in wrong if each.kind == kind]))
            for kind, colour in _ERRORS.items()
        ),
        *(
            (
                f"{name} = {match.get(name, 'unmatched')}",
                colours.get(match.get(name, ""), _UNMATCHED),
                _bars(found_turns[name]),
            )
            for name in sorted(found_turns, key=lambda name: place.get(name, len(names)))
        ),
    ]


def _bars(spans: Sequence[Turn] | Sequence[Error]) -> list[tuple[float, float]]:
    return [(span.start_ms / 1000, span.end_ms / 1000) for span in spans]


def _draw_strip(axes: Axes, lanes: Sequence[Lane], begin_s: float, end_s: float) -> None:
    for height, (name, colour, bars) in enumerate(lanes):
        widths = [(begin, end - begin) for begin, end in bars]
        axes.broken_barh(widths, (height - 0.4, 0.8), facecolors=colour)
        if name in _ERRORS:
            axes.axhspan(height - 0.5, height + 0.5, color="#f3f3f3", zorder=0)
    axes.set_xlim(begin_s, end_s)
    axes.set_ylim(len(lanes) - 0.5, -0.5)  # the first lane at the top
    axes.set_yticks(range(len(lanes)), [name for name, _, _ in lanes], fontsize=8)
    axes.grid(axis="x", linewidth=0.3)


def draw_lengths(sets: Sequence[SetResult], path: Path) -> None:
    """Write a PNG with a line for each set whose lengths differ."""
    length_figure(sets).savefig(path, dpi=100)


def length_figure(sets: Sequence[SetResult]) -> Figure:
    """Draw the share of speakers found, and the error rate at the first collar."""
    figure = Figure(figsize=LENGTHS_INCH, layout="constrained")
    counts, rates = figure.subplots(1, 2)
    for each in sets:
        if not each.by_length:
            continue
        minutes = [(one.audio_s or 0.0) / 60 for one in each.by_length]
        counts.plot(minutes, [_found_share(one) for one in each.by_length], "o-", label=each.name)
        scored = [(m, one.scores[0].der) for m, one in zip(minutes, each.by_length, strict=True)
                  if one.scores]  # fmt: skip
        rates.plot([m for m, _ in scored], [der for _, der in scored], "o-", label=each.name)
    counts.axhline(1, color="grey", linestyle="--", linewidth=0.8)
    counts.set_ylabel("speakers found / true")
    rates.set_ylabel(f"DER %, collar {COLLARS_S[0]:g} s")
    for axes in (counts, rates):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes")
        axes.grid(linewidth=0.3)
    rates.legend()
    return figure


def _found_share(one: RecordingResult) -> float:
    true, found = one.n_speakers
    return (found or 0) / true
