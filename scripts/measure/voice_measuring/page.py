"""The measured part of docs/voices.md: all tables, between two marks."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.kit import ROOT
from measure.kit.report import markdown_table
from measure.voice_measuring.hearing import HeardVoice, Hearing
from measure.voice_measuring.trials import (
    MISSED,
    OTHER_HALF,
    OTHER_RECORDING,
    RIGHT,
    SCORINGS,
    UNKNOWN_LEFT,
    UNKNOWN_NAMED,
    WRONG,
    Trials,
    links,
    name_counts,
    several_recordings,
    trials,
)

PAGE = ROOT / "docs" / "voices.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
CONDITIONS = (OTHER_RECORDING, OTHER_HALF)
THRESHOLDS = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70)
NAMED_AT = (0.35, 0.45, 0.55, 0.65)
FOUND_BORDERS_S = (0.0, 5.0, 15.0, np.inf)
_LOW, _HIGH = 0.05, 0.99  # quantiles shown of genuine and impostor cosines

_TEXT = """\
Written by `python scripts/measure/measure_voices.py --docs`; do not edit this part. {date}, commit
{commit}; {machine}; speaker network {network}.

{n_recordings} recordings of {n_sets} sets ({sets}). People are enrolled as `enroll.py` does it,
with what they say alone according to the reference; they are looked for in what the service finds
by itself, each found speaker being the person with whom most of the time is shared. *Another
recording*: enrolled from a whole recording, looked for in all others; few people of these sets
talk in more than one. *The other half*: enrolled from the first half of a recording, looked for
in its second half, which gives more people but the same microphone and day, so it is the easier
one. An impostor trial is a voice against another person's.

{conditions}
Threshold against errors, enrolled with {shown:g} s:

{thresholds}
How long a person must talk to be found, enrolled with {shown:g} s, at {threshold:g}:

{found}
All of it together, as `--voices` does it: in every recording everyone who was enrolled with
{shown:g} s of another one is looked for, one to one. Number of speakers:

{names}
A name with several recordings, {shown:g} s each:

{several}
`--link_speakers` at {threshold:g}, in each set as one run; where names are of one recording only,
two people of two recordings may be one, and their pairs are not counted:

{links}
What `enroll.py` refuses:

{checks}"""


def measured_text(
    hearing: Hearing, enrol_s: Sequence[float], threshold: float, origin: dict[str, Any]
) -> str:
    """Write the tables and how to read them."""
    shown = enrol_s[min(1, len(enrol_s) - 1)]
    sets = dict.fromkeys(talk.excerpt.place[0] for talk in hearing.talks)
    machine = origin["machine"]
    return _TEXT.format(
        date=origin["date"][:10],
        commit=(origin["git"]["commit"] or "unknown")[:12],
        machine=f"{machine['cpu'] or 'unknown processor'}, {machine['n_cores']} cores, no GPU used",
        network=hearing.talks[0].speakers.network if hearing.talks else "unknown",
        n_recordings=len(hearing.talks),
        n_sets=len(sets),
        sets=", ".join(sets),
        conditions=condition_table(hearing, enrol_s, threshold),
        thresholds=threshold_table(hearing, shown),
        found=found_table(hearing, shown, threshold),
        names=name_table(hearing, shown),
        several=several_table(hearing, shown) or "No name has several recordings here.\n",
        links=link_table(hearing, threshold),
        checks=check_table(hearing),
        shown=shown,
        threshold=threshold,
    )


def put_into(page: Path, text: str) -> None:
    """Replace what is between the marks; ValueError where they are missing."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN.strip()!r} and {END.strip()!r}")
    page.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def condition_table(hearing: Hearing, enrol_s: Sequence[float], threshold: float) -> str:
    """A row per condition and length of enrolment."""
    rows = []
    for condition, length_s in itertools.product(CONDITIONS, enrol_s):
        made = trials(_of_length(hearing, length_s), hearing.found, condition)
        genuine, impostor = made.genuine, made.impostor
        if not (len(genuine) and len(impostor)):
            continue
        rate, at = made.equal_error()
        rows.append(
            [
                condition,
                f"{length_s:g} s",
                str(made.n_people),
                str(len(genuine)),
                _cosines(genuine.min(), np.quantile(genuine, _LOW), genuine.mean()),
                str(len(impostor)),
                _cosines(impostor.mean(), np.quantile(impostor, _HIGH), impostor.max()),
                f"{_percent(rate)} at {at:.2f}",
                _share(genuine < threshold),
                _share(impostor >= threshold),
            ]
        )
    head = [
        "looked for in", "enrolled with", "people", "genuine trials", "lowest / 5 % / mean cosine",
        "impostor trials", "mean / 99 % / highest cosine", "equal error",
        f"false rejects at {threshold:g}", "false accepts",
    ]  # fmt: skip
    return markdown_table(head, rows)


def threshold_table(hearing: Hearing, enrol_s: float) -> str:
    """A row per threshold, enrolled with `enrol_s`."""
    enrolled = _of_length(hearing, enrol_s)
    head, made = ["threshold"], list[Trials]()
    for condition in CONDITIONS:
        made.append(trials(enrolled, hearing.found, condition))
        head += [f"false rejects, {condition}", "false accepts", "of these recorded together"]
    rows = []
    for threshold in THRESHOLDS:
        rows.append([f"{threshold:.2f}"])
        for each in made:
            rows[-1] += [
                _percent(each.false_rejects(threshold)),
                _percent(each.false_accepts(threshold)),
                _percent(each.false_accepts(threshold, together=True)),
            ]
    return markdown_table(head, rows)


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


def name_table(hearing: Hearing, enrol_s: float) -> str:
    """A row per threshold: what speakers are called when everyone enrolled is looked for."""
    results = (RIGHT, WRONG, MISSED, UNKNOWN_NAMED, UNKNOWN_LEFT)
    rows = []
    for threshold in NAMED_AT:
        counts = name_counts(hearing, enrol_s, threshold)
        rows.append([f"{threshold:.2f}", *(str(counts[each]) for each in results)])
    return markdown_table(["threshold", *results], rows)


def several_table(hearing: Hearing, enrol_s: float) -> str:
    """A row per way to score a name with several recordings; "" where there are no trials."""
    rows = [
        [
            scoring,
            f"{len(genuine)}, {min(genuine):.2f}",
            f"{len(impostor)}, {np.quantile(impostor, _HIGH):.2f} / {max(impostor):.2f}",
        ]
        for scoring, (genuine, impostor) in several_recordings(hearing, enrol_s).items()
        if genuine and impostor
    ]
    head = ["score of a name", "genuine trials, lowest", "impostor trials, 99 % / highest"]
    return markdown_table(head, rows) if len(rows) == len(SCORINGS) else ""


def link_table(hearing: Hearing, threshold: float) -> str:
    """A row per set."""
    rows = [
        [
            set_name,
            str(each.n_recordings),
            str(each.n_people),
            str(each.n_voices),
            f"{each.n_same_linked} of {each.n_same}",
            f"{each.n_different_linked} of {each.n_different}",
        ]
        for set_name, each in links(hearing, threshold).items()
    ]
    head = [
        "set", "recordings", "people", "voices", "pairs of one person linked",
        "pairs of two people linked",
    ]  # fmt: skip
    return markdown_table(head, rows)


def check_table(hearing: Hearing) -> str:
    """What enroll.py makes of recordings of one person and of several."""
    rows = [
        ["of one person alone", str(hearing.n_alone), str(hearing.n_alone_refused)],
        ["of several people", str(hearing.n_talks_of_several), str(hearing.n_talks_refused)],
    ]
    return markdown_table(["recordings", "number", "refused, since several people are heard"], rows)


def _of_length(hearing: Hearing, length_s: float) -> list[HeardVoice]:
    return [each for each in hearing.enrolled if each.excerpt.length_s == length_s]


def _cosines(*values: "float | np.floating[Any]") -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share * 100:.2f} %"


def _share(errors: NDArray[np.bool_]) -> str:
    return f"{_percent(float(errors.mean()))} ({errors.sum()})"
