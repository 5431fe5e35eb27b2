"""Pictures of recordings: the true turns above the found ones, the errors between them."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from formats.result import Turn as TurnInMs
from measure.evaluation.results import RecordingResult
from measure.evaluation.rttm_turns import Turn, speakers_of
from viewer.errors import KINDS, errors
from viewer.matching import matched_speakers

STRIP_S = 60.0  # a longer recording goes over several strips,
MAX_STRIPS = 8  # but over no more than these
WIDTH_INCH, LANE_INCH, STRIP_MARGIN_INCH, TITLE_INCH = 15.0, 0.2, 0.45, 0.9
_COLOURS = (
    "#1f77b4", "#2ca02c", "#17becf", "#8c564b", "#bcbd22", "#e377c2", "#7f9ec0", "#3b5b2a",
    "#005f73", "#b08968", "#355070", "#94d2bd", "#4a4e69", "#a3b18a", "#d4b483", "#606c38",
)  # fmt: skip
_UNMATCHED = "#9a9a9a"
_ERRORS = dict(zip(KINDS, ("#d62728", "#ff7f0e", "#9400d3"), strict=True))

Lane = tuple[str, str, list[tuple[float, float]]]  # name, colour, (begin s, end s) of its bars


def draw_timeline(result: RecordingResult, title: str, path: Path) -> None:
    """Write a PNG; a found speaker has the colour of the true one it matches, or is grey.

    Raises
    ------
    OSError
        If it cannot be written.
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
    end_s = max([audio_s, STRIP_S / 60, *(turn.end_s for turn in turns)])
    n_strips = min(MAX_STRIPS, math.ceil(end_s / STRIP_S))
    length_s = end_s / n_strips
    return [(i * length_s, (i + 1) * length_s) for i in range(n_strips)]


def timeline_lanes(reference: Sequence[Turn], found: Sequence[Turn]) -> list[Lane]:
    """Lanes from top to bottom: true speakers, kinds of error, found speakers."""
    reference_ms, found_ms = _in_ms(reference), _in_ms(found)
    match = matched_speakers(reference_ms, found_ms)
    names = speakers_of(reference)
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    found_names = sorted(speakers_of(found), key=lambda name: _place(match.get(name), names))
    wrong = errors(reference_ms, found_ms, match)
    return [
        *((name, colours[name], _bars(reference, name)) for name in names),
        *(
            (kind, colour, [(each.start_ms / 1000, each.end_ms / 1000)
                            for each in wrong if each.kind == kind])
            for kind, colour in _ERRORS.items()
        ),
        *(
            (_found_label(name, match), colours.get(match.get(name, ""), _UNMATCHED),
             _bars(found, name))
            for name in found_names
        ),
    ]  # fmt: skip


def _in_ms(turns: Sequence[Turn]) -> list[TurnInMs]:
    return [TurnInMs(round(begin * 1000), round(end * 1000), name) for begin, end, name in turns]


def _place(true_name: str | None, names: Sequence[str]) -> int:
    """Found speakers stand in the order of the true ones, those without a match at the end."""
    return len(names) if true_name is None else names.index(true_name)


def _found_label(name: str, match: dict[str, str]) -> str:
    return f"{name} = {match[name]}" if name in match else f"{name} = nobody"


def _bars(turns: Sequence[Turn], speaker: str) -> list[tuple[float, float]]:
    return [turn[:2] for turn in turns if turn.speaker == speaker]


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
