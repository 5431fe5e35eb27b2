"""The report of a run for people: Markdown that is as easy to read on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from measure.evaluation.results import SetResult, mean_scores
from measure.evaluation.tables import (
    Changes,
    confusions,
    counts_table,
    recordings_table,
    sets_table,
    speed_table,
)
from scoring.scores import COLLARS_S

_LEGEND = """\
All in %. miss, FA (false alarm) and conf (speaker confusion) are the parts of the DER before them,
at collar {} s. False speech is the share of the time in which speech was found where there is none.
"""
_SPEED_LEGEND = """\
Seconds of work per second of audio. `wall` is the run's own time, {jobs} recordings in flight; the
server's stages are its waiting included, added over recordings that ran side by side.
"""


def markdown_report(
    sets: Sequence[SetResult], report: Mapping[str, Any], changes: Changes | None
) -> str:
    """Tell all of a run; with `changes`, each rate says what became of it."""
    parts = [
        "# Evaluation\n",
        origin_text(report),
        "## Sets\n",
        f"{headline(sets)}\n",
        _LEGEND.format(" and ".join(f"{collar_s:g}" for collar_s in COLLARS_S)),
        sets_table(sets, changes),
        *(
            f"Left out of {each.name}, without a reference: {', '.join(each.left_out)}.\n"
            for each in sets
            if each.left_out
        ),
        "## Number of speakers\n",
        counts_table(sets),
        *(f"{name}, rows true, columns found:\n\n{table}" for name, table in confusions(sets)),
        "## Speed\n",
        _SPEED_LEGEND.format(jobs=report["options"]["jobs"]),
        speed_table(sets),
        "## Recordings\n",
        recordings_table(sets, changes),
    ]
    return "\n".join(parts)


def headline(sets: Sequence[SetResult]) -> str:
    """One sentence: the error rate averaged over the sets."""
    n_scored = sum(bool(each.scores) for each in sets)
    if not n_scored:
        return "No set has speech to score."
    rates = " / ".join(f"{score.der:.2f}" for score in mean_scores(sets))
    collars = " / ".join(f"{collar_s:g}" for collar_s in COLLARS_S)
    return (
        f"DER {rates} % at collar {collars} s, overlap scored: the mean of {n_scored} set(s), each "
        "time-weighted inside."
    )


def origin_text(report: Mapping[str, Any]) -> str:
    """Where the figures come from, as a list."""
    git, machine = report["git"], report["machine"]
    state = f", {git['changed_files']} file(s) not committed" if git["changed_files"] else ""
    options = ", ".join(f"{name}={value}" for name, value in report["options"].items() if value)
    return (
        f"- {report['date']}, commit {git['commit'] or 'unknown'}{state}\n"
        f"- {machine['cpu'] or 'unknown processor'}, {machine['n_cores']} cores, "
        f"load {machine['load_before']} before\n- {options}\n"
    )


def changes_text(changes: Changes, differing: Sequence[str]) -> str:
    """List what got better and worse, after the options that were not the same."""
    lines = [f"- not the same option: {each}\n" for each in differing]
    for verdict in ("worse", "better"):
        lines += [f"- {change}\n" for change in changes.values() if change.verdict == verdict]
    n_by_verdict = {
        verdict: sum(change.verdict == verdict for change in changes.values())
        for verdict in ("better", "worse", "")
    }
    counted = "{better} better, {worse} worse, {} the same".format(
        n_by_verdict.pop(""), **n_by_verdict
    )
    return "".join([f"{counted}, of {len(changes)} measures in both runs.\n\n", *lines])
