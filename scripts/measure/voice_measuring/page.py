"""The measured part of docs/voices.md: all tables, between two marks."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.kit.report import DOCS, markdown_table
from measure.voice_measuring.excerpts import ENROL_S
from measure.voice_measuring.hearing import Hearing
from measure.voice_measuring.trials import (
    MISSED,
    OTHER_HALF,
    OTHER_RECORDING,
    RIGHT,
    UNKNOWN_LEFT,
    UNKNOWN_NAMED,
    WRONG,
    links,
    name_counts,
    several_recordings,
    trials,
)

PAGE = DOCS / "voices.md"
CONDITIONS = (OTHER_RECORDING, OTHER_HALF)
SHOWN_S = ENROL_S[1]  # length of enrolment of most tables
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


def measured_text(hearing: Hearing, threshold: float, origin: dict[str, Any]) -> str:
    """Write the tables and how to read them."""
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
        conditions=condition_table(hearing, threshold),
        thresholds=threshold_table(hearing),
        found=found_table(hearing, threshold),
        names=name_table(hearing),
        several=several_table(hearing),
        links=link_table(hearing, threshold),
        checks=check_table(hearing),
        shown=SHOWN_S,
        threshold=threshold,
    )


def condition_table(hearing: Hearing, threshold: float) -> str:
    """A row per condition and length of enrolment."""
    rows = []
    for condition, length_s in itertools.product(CONDITIONS, ENROL_S):
        made = trials(hearing, length_s, condition)
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
                f"{rate * 100:.2f} % at {at:.2f}",
                _rate_and_number(genuine < threshold),
                _rate_and_number(impostor >= threshold),
            ]
        )
    head = [
        "looked for in", "enrolled with", "people", "genuine trials", "lowest / 5 % / mean cosine",
        "impostor trials", "mean / 99 % / highest cosine", "equal error",
        f"false rejects at {threshold:g}", "false accepts",
    ]  # fmt: skip
    return markdown_table(head, rows)


def threshold_table(hearing: Hearing) -> str:
    """A row per threshold."""
    head, columns = ["threshold"], [[f"{each:.2f}" for each in THRESHOLDS]]
    for condition in CONDITIONS:
        made = trials(hearing, SHOWN_S, condition)
        head += [f"false rejects, {condition}", "false accepts", "of these recorded together"]
        columns += [
            [_rate(made.genuine < each) for each in THRESHOLDS],
            [_rate(made.impostor >= each) for each in THRESHOLDS],
            [_rate(made.impostor[made.together] >= each) for each in THRESHOLDS],
        ]
    return markdown_table(head, zip(*columns, strict=True))


def found_table(hearing: Hearing, threshold: float) -> str:
    """A row per seconds of speech that the service found of the person, both conditions."""
    made = [trials(hearing, SHOWN_S, condition) for condition in CONDITIONS]
    cosines = np.concatenate([each.genuine for each in made])
    found_s = np.concatenate([each.found_s for each in made])
    rows = []
    for low_s, high_s in itertools.pairwise(FOUND_BORDERS_S):
        own = cosines[(low_s <= found_s) & (found_s < high_s)]
        span = f"{low_s:g} s and more" if np.isinf(high_s) else f"{low_s:g} to {high_s:g} s"
        if len(own):
            shown = _cosines(own.min(), np.quantile(own, _LOW), own.mean())
            rows.append([span, str(len(own)), shown, _rate_and_number(own < threshold)])
    head = ["speech found", "genuine trials", "lowest / 5 % / mean cosine", "false rejects"]
    return markdown_table(head, rows)


def name_table(hearing: Hearing) -> str:
    """A row per threshold: what speakers are called when everyone enrolled is looked for."""
    results = (RIGHT, WRONG, MISSED, UNKNOWN_NAMED, UNKNOWN_LEFT)
    rows = []
    for threshold in NAMED_AT:
        counts = name_counts(hearing, SHOWN_S, threshold)
        rows.append([f"{threshold:.2f}", *(str(counts[each]) for each in results)])
    return markdown_table(["threshold", *results], rows)


def several_table(hearing: Hearing) -> str:
    """A row per way to score a name with several recordings."""
    rows = [
        [
            scoring,
            f"{len(genuine)}, {min(genuine):.2f}",
            f"{len(impostor)}, {np.quantile(impostor, _HIGH):.2f} / {max(impostor):.2f}",
        ]
        for scoring, (genuine, impostor) in several_recordings(hearing, SHOWN_S).items()
        if genuine and impostor
    ]
    head = ["score of a name", "genuine trials, lowest", "impostor trials, 99 % / highest"]
    return markdown_table(head, rows) if rows else "No name has several recordings here.\n"


def link_table(hearing: Hearing, threshold: float) -> str:
    """A row per set."""
    head = ["set", "recordings", "people", "voices"]
    head += ["pairs of one person linked", "pairs of two people linked"]
    rows = []
    for set_name, (*counts, same, different) in links(hearing, threshold).items():
        pairs = [f"{sum(linked)} of {len(linked)}" for linked in (same, different)]
        rows.append([set_name, *map(str, counts), *pairs])
    return markdown_table(head, rows)


def check_table(hearing: Hearing) -> str:
    """What enroll.py makes of recordings of one person and of several."""
    refused = {
        "of one person alone": hearing.alone_refused,
        "of several people": hearing.several_refused,
    }
    rows = [[what, str(len(each)), str(sum(each))] for what, each in refused.items()]
    return markdown_table(["recordings", "number", "refused, since several people are heard"], rows)


def _cosines(*values: "float | np.floating[Any]") -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _rate(errors: NDArray[np.bool_]) -> str:
    return f"{errors.mean():.2%}".replace("%", " %") if len(errors) else "-"


def _rate_and_number(errors: NDArray[np.bool_]) -> str:
    return f"{_rate(errors)} ({errors.sum()})"
