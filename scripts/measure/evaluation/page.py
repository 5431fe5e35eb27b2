"""The report of a run in Markdown, with aligned tables that read well on a terminal too."""

from collections.abc import Mapping, Sequence
from typing import Any

from measure.evaluation.results import RecordingResult, Scores, SetResult, mean_scores
from measure.kit.report import markdown_table, origin_text
from scoring.scores import COLLARS_S

_ABSENT = "–"
_RATES = [
    f"{part} {collar_s:g}" for collar_s in COLLARS_S for part in ("DER", "miss", "FA", "conf")
]
_LEGEND = """\
All in %. miss, FA (false alarm) and conf (speaker confusion) are the parts of the DER before them,
at the collar in seconds. False speech is the share of the time in which speech was found where
there is none. Exact and within one: recordings by how well their speakers were counted.
"""
_SPEED_LEGEND = """\
Seconds of work per second of audio. `wall` is the run's own time, {jobs} recordings in flight; the
server's stages include its waiting, added over recordings that ran side by side.
"""


def markdown_report(sets: Sequence[SetResult], report: Mapping[str, Any]) -> str:
    """Write the whole report."""
    parts = [
        "# Evaluation\n",
        origin_text(report),
        "## Sets\n",
        f"{headline(sets)}\n",
        _LEGEND,
        sets_table(sets),
        *(
            f"Left out of {each.name}, without a reference: {', '.join(each.left_out)}.\n"
            for each in sets
            if each.left_out
        ),
        "## Speed\n",
        _SPEED_LEGEND.format(jobs=report["options"]["jobs"]),
        speed_table(sets),
        "## Recordings\n",
        recordings_table(sets),
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


def sets_table(sets: Sequence[SetResult]) -> str:
    """Error rates of each set and their mean; false speech where there is no speech."""
    rows = [
        [
            each.name,
            str(len(each.recordings)),
            f"{each.audio_s / 60:.1f}",
            *_rates(each.scores),
            _number(each.false_speech_percent, 2),
            str(each.n_within(0)),
            str(each.n_within(1)),
        ]
        for each in sets
    ]
    rows.append(["mean", "", "", *_rates(mean_scores(sets)), "", "", ""])
    header = ["set", "files", "min", *_RATES, "false speech", "exact", "within one"]
    return markdown_table(header, rows)


def recordings_table(sets: Sequence[SetResult]) -> str:
    """Error rates, counts and speed of every recording; by length where a set's lengths differ."""
    rows = []
    for each in sets:
        ordered = {one.recording_id: one for one in [*each.by_length, *each.recordings]}
        rows += [_recording_row(each.name, one) for one in ordered.values()]
    header = ["recording", "s", *_RATES, "false speech", "speakers", "found", "real-time"]
    return markdown_table(header, rows)


def speed_table(sets: Sequence[SetResult]) -> str:
    """Seconds of work per second of audio: the whole run, and the server's stages."""
    stages = list(dict.fromkeys(stage for each in sets for stage in each.stage_s))
    seconds = {
        each.name: [each.wall_s, *(each.stage_s.get(stage, 0.0) for stage in stages)]
        for each in sets
    }
    total_s = sum(each.audio_s for each in sets)
    sums = [sum(column) for column in zip(*seconds.values(), strict=True)]
    return markdown_table(
        ["set", "wall", *(f"server {stage}" for stage in stages)],
        [
            *([s.name, *(_factor(work_s, s.audio_s) for work_s in seconds[s.name])] for s in sets),
            ["all", *(_factor(work_s, total_s) for work_s in sums)],
        ],
    )


def _recording_row(set_name: str, one: RecordingResult) -> list[str]:
    true, found = one.n_speakers
    return [
        f"{set_name} {one.recording_id}{' (failed)' if one.failure else ''}",
        _number(one.audio_s, 0),
        *_rates(one.scores),
        _number(one.false_speech_percent, 2),
        str(true),
        _number(found, 0),
        _factor(one.elapsed_s, one.audio_s),
    ]


def _rates(scores: Scores) -> list[str]:
    rates = [(score.der, score.miss, score.false_alarm, score.confusion) for score in scores]
    return [f"{rate:.2f}" for parts in rates for rate in parts] or [_ABSENT] * len(_RATES)


def _factor(seconds: float | None, audio_s: float | None) -> str:
    return _number(seconds / audio_s if seconds is not None and audio_s else None, 4)


def _number(value: float | None, decimals: int) -> str:
    return _ABSENT if value is None else f"{value:.{decimals}f}"
