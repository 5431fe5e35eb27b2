"""What was measured, as tables in Markdown."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.kit.report import markdown_table
from measure.voice_measuring.hearing import Heard, Hearing
from measure.voice_measuring.naming_trials import (
    MISSED,
    RIGHT,
    STRANGER_LEFT,
    STRANGER_NAMED,
    WAYS,
    WRONG,
    links,
    name_counts,
    several_recordings,
)
from measure.voice_measuring.trials import OTHER_HALF, OTHER_RECORDING, Trials, trials

CONDITIONS = (OTHER_RECORDING, OTHER_HALF)
SHOWN_THRESHOLDS = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70)
FOUND_BORDERS_S = (0.0, 5.0, 15.0, np.inf)
_LOW, _HIGH = 0.05, 0.99  # quantiles shown of genuine and impostor cosines


def condition_table(hearing: Hearing, enrol_s: Sequence[float], threshold: float) -> str:
    """A row per condition and length of enrolment."""
    rows = []
    for condition in CONDITIONS:
        for length_s in enrol_s:
            made = trials(_of_length(hearing, length_s), hearing.found, condition)
            if len(made.genuine) and len(made.impostor):
                rows.append([condition, f"{length_s:g} s", *_condition_cells(made, threshold)])
    head = [
        "looked for in",
        "enrolled with",
        "people",
        "genuine trials",
        "lowest / 5 % / mean cosine",
        "impostor trials",
        "mean / 99 % / highest cosine",
        "equal error",
        f"false rejects at {threshold:g}",
        "false accepts",
    ]
    return markdown_table(head, rows)


def _condition_cells(made: Trials, threshold: float) -> list[str]:
    rate, at = made.equal_error()
    genuine, impostor = made.genuine, made.impostor
    return [
        str(made.n_people),
        str(len(genuine)),
        _cosines(genuine.min(), np.quantile(genuine, _LOW), genuine.mean()),
        str(len(impostor)),
        _cosines(impostor.mean(), np.quantile(impostor, _HIGH), impostor.max()),
        f"{_percent(rate)} at {at:.2f}",
        _share(genuine < threshold),
        _share(impostor >= threshold),
    ]


def threshold_table(hearing: Hearing, enrol_s: float) -> str:
    """A row per threshold, enrolled with so many seconds."""
    enrolled = _of_length(hearing, enrol_s)
    made = {condition: trials(enrolled, hearing.found, condition) for condition in CONDITIONS}
    head = ["threshold"]
    for condition in CONDITIONS:
        head += [
            f"false rejects, {condition}",
            "false accepts",
            "of these recorded together",
        ]
    rows = [
        [f"{threshold:.2f}", *(cell for each in made.values() for cell in _cells(each, threshold))]
        for threshold in SHOWN_THRESHOLDS
    ]
    return markdown_table(head, rows)


def _cells(made: Trials, threshold: float) -> list[str]:
    return [
        _percent(made.false_rejects(threshold)),
        _percent(made.false_accepts(threshold)),
        _percent(made.false_accepts(threshold, together=True)),
    ]


def found_table(hearing: Hearing, enrol_s: float, threshold: float) -> str:
    """A row per seconds of speech that the service found of the person, both conditions."""
    enrolled = _of_length(hearing, enrol_s)
    made = [trials(enrolled, hearing.found, condition) for condition in CONDITIONS]
    cosines = np.concatenate([each.genuine for each in made])
    found_s = np.concatenate([each.found_s for each in made])
    rows = []
    for low_s, high_s in itertools.pairwise(FOUND_BORDERS_S):
        own = cosines[(low_s <= found_s) & (found_s < high_s)]
        span = f"{low_s:g} s and more" if np.isinf(high_s) else f"{low_s:g} to {high_s:g} s"
        if len(own):
            shown = _cosines(own.min(), np.quantile(own, _LOW), own.mean())
            rows.append([span, str(len(own)), shown, _share(own < threshold)])
    head = ["speech found", "genuine trials", "lowest / 5 % / mean cosine", "false rejects"]
    return markdown_table(head, rows)


def name_table(hearing: Hearing, enrol_s: float, thresholds: Iterable[float]) -> str:
    """A row per threshold: what speakers are called when everybody is looked for."""
    outcomes = (RIGHT, WRONG, MISSED, STRANGER_NAMED, STRANGER_LEFT)
    rows = []
    for threshold in thresholds:
        counts = name_counts(hearing, enrol_s, threshold)
        rows.append([f"{threshold:.2f}", *(str(counts[each]) for each in outcomes)])
    return markdown_table(["threshold", *outcomes], rows)


def several_table(hearing: Hearing, enrol_s: float) -> str:
    """A row per way to score a name with several recordings."""
    rows = []
    for way, (genuine, impostor) in several_recordings(hearing, enrol_s).items():
        if genuine and impostor:
            rows.append(
                [
                    way,
                    f"{len(genuine)}, {min(genuine):.2f}",
                    f"{len(impostor)}, {np.quantile(impostor, _HIGH):.2f} / {max(impostor):.2f}",
                ]
            )
    head = ["score of a name", "genuine trials, lowest", "impostor trials, 99 % / highest"]
    return markdown_table(head, rows) if len(rows) == len(WAYS) else ""


def link_table(hearing: Hearing, threshold: float) -> str:
    """A row per set."""
    rows = [
        [
            set_name,
            str(each.n_recordings),
            str(each.n_people),
            str(each.n_voices),
            _of(each.n_same_linked, each.n_same),
            _of(each.n_different_linked, each.n_different),
        ]
        for set_name, each in links(hearing, threshold).items()
    ]
    head = [
        "set",
        "recordings",
        "people",
        "voices",
        "pairs of one person linked",
        "pairs of two people linked",
    ]
    return markdown_table(head, rows)


def check_table(hearing: Hearing) -> str:
    """What enroll.py makes of recordings of one person and of several."""
    rows = [
        ["of one person alone", str(hearing.n_alone), str(len(hearing.refused))],
        ["of several people", str(hearing.n_talks_of_several), str(hearing.n_talks_refused)],
    ]
    return markdown_table(["recordings", "number", "refused, since several people are heard"], rows)


def _of_length(hearing: Hearing, length_s: float) -> list[Heard]:
    return [each for each in hearing.enrolled if each.excerpt.length_s == length_s]


def _cosines(*values: "float | np.floating[Any]") -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share * 100:.2f} %"


def _share(errors: NDArray[np.bool_]) -> str:
    return f"{_percent(float(errors.mean()))} ({errors.sum()})"


def _of(n: int, n_all: int) -> str:
    return f"{n} of {n_all}"
