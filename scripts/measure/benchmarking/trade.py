"""What accuracy costs: error rate and time of runs of evaluate.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diarization.config import RequestDefaults
from measure.benchmarking.runs import HOUR_S
from measure.evaluation.compare import CompareError, read_report


@dataclass(frozen=True)
class TradePoint:
    """One evaluation.

    Parameters
    ----------
    label : str
        Mode and options.
    ders : Mapping[str, float]
        Mean error rate over the sets in percent, by collar in seconds.
    seconds_per_hour : float
        Wall time for an hour of audio, all sets together.
    jobs : int
        Recordings that were in flight at once.
    """

    label: str
    ders: Mapping[str, float]
    seconds_per_hour: float
    jobs: int


def trade_points(files: Sequence[Path]) -> list[TradePoint]:
    """Read evaluation.json files.

    Raises
    ------
    CompareError
        If one cannot be read, or has no error rate or no time.
    """
    return [_named(path, read_report(path)) for path in files]


def _named(path: Path, report: Mapping[str, Any]) -> TradePoint:
    try:
        return trade_point(report)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CompareError(f"{path} has no error rate or no time to draw") from error


def trade_point(report: Mapping[str, Any]) -> TradePoint:
    """Take the point out of a report of evaluate.py."""
    options = report["options"]
    tried = [str(each) for each in options.get("option") or []]
    ders = {f"{score['collar_s']:g}": score["der"] for score in report["mean"]["scores"]}
    if not ders:
        raise ValueError("no set has speech")
    wall_s = sum(each["wall_s"] for each in report["sets"])
    audio_s = sum(each["audio_s"] for each in report["sets"])
    return TradePoint(
        label=", ".join([options["mode"] or RequestDefaults().mode, *tried]),
        ders=ders,
        seconds_per_hour=HOUR_S * wall_s / audio_s,
        jobs=options["jobs"],
    )
