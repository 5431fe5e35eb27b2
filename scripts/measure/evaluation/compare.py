"""What got better and what got worse since an earlier run, from the JSON of both."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

NOISE_POINTS = 0.1  # smaller changes of a rate in percent points are not called better or worse
FORMAT = "diarization-evaluation-1"
MEAN = "mean"  # instead of a set's name
SPEAKERS_OFF = "speakers too many or too few"
FALSE_SPEECH = "false speech %"
_ROUNDING = 1e-6

Report = Mapping[str, Any]


class CompareError(ValueError):
    """The earlier run cannot be compared; the message is one sentence."""


class Measure(NamedTuple):
    """What was measured: a set, a recording in it (empty for the set itself), and a quantity."""

    set_name: str
    recording_id: str
    quantity: str


@dataclass(frozen=True)
class Change:
    """One measure in the old run and in the new one; less is better in all of them."""

    measure: Measure
    old: float
    new: float

    @property
    def delta(self) -> float:
        """New minus old."""
        return self.new - self.old

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or nothing where the difference is noise."""
        noise = 0.0 if self.measure.quantity == SPEAKERS_OFF else NOISE_POINTS
        if abs(self.delta) <= noise + _ROUNDING:
            return ""
        return "better" if self.delta < 0 else "worse"

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.measure.set_name, self.measure.recording_id)))
        return (
            f"{where}: {self.measure.quantity} {self.old:.4g} -> {self.new:.4g} "
            f"({self.delta:+.4g}, {self.verdict or 'same'})"
        )


def rate_name(collar_s: float) -> str:
    """Name of the error rate at this collar as a quantity."""
    return f"DER % at {collar_s:g} s"


def read_report(path: Path) -> dict[str, Any]:
    """Read the JSON of an earlier run; CompareError if it cannot be read or is something else."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CompareError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CompareError(f"{path} is not JSON: {error}") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise CompareError(
            f"{path} is not a report of evaluate.py, expected format {FORMAT!r} in it"
        )
    return report


def compared(old: Report, new: Report) -> dict[Measure, Change]:
    """Compare everything that both runs measured, in the order of the new one.

    The mean over the sets is compared only where both runs had the same sets.
    """
    before, after = dict(_measures(old)), dict(_measures(new))
    same_sets = _scored_sets(old) == _scored_sets(new)
    return {
        measure: Change(measure, before[measure], value)
        for measure, value in after.items()
        if measure in before and (same_sets or measure.set_name != MEAN)
    }


def changes_text(changes: Mapping[Measure, Change], old: Report, new: Report) -> str:
    """List the options that differ, then what got worse and better, under a headline."""
    counts = Counter(change.verdict for change in changes.values())
    lines = [f"- not the same option: {each}\n" for each in differing_options(old, new)]
    for verdict in ("worse", "better"):
        lines += [f"- {change}\n" for change in changes.values() if change.verdict == verdict]
    return (
        f"## Changes since {old['date']}, commit {old['git']['commit']}\n\n"
        f"{counts['better']} better, {counts['worse']} worse, {counts['']} the same, "
        f"of {len(changes)} measures in both runs.\n\n{''.join(lines)}"
    )


def differing_options(old: Report, new: Report) -> list[str]:
    """Name the options that were not the same, with both values."""
    before, after = old.get("options", {}), new.get("options", {})
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {before.get(name)!r} -> {after.get(name)!r}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def _measures(report: Report) -> Iterator[tuple[Measure, float]]:
    yield from _rates(MEAN, "", report["mean"])
    for each in report["sets"]:
        yield from _rates(each["name"], "", each)
        for one in each["recordings"]:
            yield from _rates(each["name"], one["recording_id"], one)
            true, found = one["n_speakers"]
            if found is not None:
                measure = Measure(each["name"], one["recording_id"], SPEAKERS_OFF)
                yield measure, float(abs(true - found))


def _rates(set_name: str, name: str, measured: Report) -> Iterator[tuple[Measure, float]]:
    for score in measured["scores"]:
        yield Measure(set_name, name, rate_name(score["collar_s"])), score["der"]
    false_speech = measured.get("false_speech_percent")
    if false_speech is not None:
        yield Measure(set_name, name, FALSE_SPEECH), false_speech


def _scored_sets(report: Report) -> set[str]:
    return {each["name"] for each in report["sets"] if each["scores"]}
