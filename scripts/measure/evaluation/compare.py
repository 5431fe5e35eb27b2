"""What got better and what got worse since an earlier run, from the JSON of both."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

NOISE_POINTS = 0.1  # smaller changes of a rate in percent points are not called better or worse
FORMAT = "diarization-evaluation-1"
SPEAKERS_OFF = "speakers too many or too few"
_ROUNDING = 1e-6

Report = Mapping[str, Any]


class CompareError(ValueError):
    """The earlier run cannot be compared; the message is one sentence."""


class Change(NamedTuple):
    """A measure, such as "set recording: DER % at 0 s", in both runs; less is better in all."""

    measure: str
    old: float
    new: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `same` where the difference is noise."""
        noise = 0.0 if self.measure.endswith(SPEAKERS_OFF) else NOISE_POINTS
        if abs(self.new - self.old) <= noise + _ROUNDING:
            return "same"
        return "better" if self.new < self.old else "worse"

    def __str__(self) -> str:
        delta = f"{self.new - self.old:+.4g}"
        return f"{self.measure} {self.old:.4g} -> {self.new:.4g} ({delta}, {self.verdict})"


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


def compared(old: Report, new: Report) -> list[Change]:
    """Compare everything that both runs measured, in the order of the new one.

    The mean over the sets is compared only where both runs had the same sets.
    """
    with_mean = _scored_sets(old) == _scored_sets(new)
    before = dict(_measures(old, with_mean))
    after = _measures(new, with_mean)
    return [Change(name, before[name], value) for name, value in after if name in before]


def changes_text(old: Report, new: Report) -> str:
    """List the options that differ, then what got worse and better, under a headline."""
    changes = compared(old, new)
    counts = Counter(change.verdict for change in changes)
    lines = [f"- not the same option: {each}\n" for each in differing_options(old, new)]
    for verdict in ("worse", "better"):
        lines += [f"- {change}\n" for change in changes if change.verdict == verdict]
    return (
        f"## Changes since {old['date']}, commit {old['git']['commit']}\n\n"
        f"{counts['better']} better, {counts['worse']} worse, {counts['same']} the same, "
        f"of {len(changes)} measures in both runs.\n\n{''.join(lines)}"
    )


def differing_options(old: Report, new: Report) -> list[str]:
    """Name the options that were not the same, with both values."""
    before, after = old["options"], new["options"]
    return [
        f"{name}: {before.get(name)!r} -> {after.get(name)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _measures(report: Report, with_mean: bool) -> Iterator[tuple[str, float]]:
    if with_mean:
        yield from _rates("mean", report["mean"])
    for each in report["sets"]:
        yield from _rates(each["name"], each)
        for one in each["recordings"]:
            name = f"{each['name']} {one['recording_id']}"
            yield from _rates(name, one)
            true, found = one["n_speakers"]
            if found is not None:
                yield f"{name}: {SPEAKERS_OFF}", abs(true - found)


def _rates(name: str, measured: Report) -> Iterator[tuple[str, float]]:
    for score in measured["scores"]:
        yield f"{name}: DER % at {score['collar_s']:g} s", score["der"]
    false_speech = measured.get("false_speech_percent")
    if false_speech is not None:
        yield f"{name}: false speech %", false_speech


def _scored_sets(report: Report) -> set[str]:
    return {each["name"] for each in report["sets"] if each["scores"]}
