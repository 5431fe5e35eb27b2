"""A picture of how the number of speakers and the error rate change with length."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from measure.evaluation.results import RecordingResult, SetResult
from scoring.scores import COLLARS_S

SIZE_INCH = (11.0, 4.5)


def draw_lengths(sets: Sequence[SetResult], path: Path) -> None:
    """Write a PNG with a line for each set whose lengths differ.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    length_figure(sets).savefig(path, dpi=100)


def length_figure(sets: Sequence[SetResult]) -> Figure:
    """Draw the share of speakers found, and the error rate at the first collar."""
    figure = Figure(figsize=SIZE_INCH, layout="constrained")
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
