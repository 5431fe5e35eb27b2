"""The report of a run in Markdown, with aligned tables that read well on a terminal too."""

from collections.abc import Mapping, Sequence
from typing import Any

from measure.evaluation.compare import FALSE_SPEECH, MEAN, Change, Measure, rate_name
from measure.evaluation.results import RecordingResult, Scores, SetResult, mean_scores
from measure.kit.report import markdown_table, origin_text
from scoring.scores import COLLARS_S

Changes = Mapping[Measure, Change]

_ABSENT = "–"
_PARTS = ("DER", "miss", "FA", "conf")
_LEGEND = """\
All in %. miss, FA (false alarm) and conf (speaker confusion) are the parts of the DER before them,
at collar {} s. False speech is the share of the time in which speech was found where there is none.
"""
_SPEED_LEGEND = """\
Seconds of work per second of audio. `wall` is the run's own time, {jobs} recordings in flight; the
server's stages include its waiting, added over recordings that ran side by side.
"""


def markdown_report(
    sets: Sequence[SetResult], report: Mapping[str, Any], changes: Changes | None
) -> str:
    """Write the whole report; with `changes`, each rate has its change beside it."""
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
        *(f"{each.name}, rows true, columns found:\n\n{confusion_table(each)}" for each in sets),
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


def sets_table(sets: Sequence[SetResult], changes: Changes | None) -> str:
    """Error rates of each set and their mean; false speech where there is no speech."""
    header = ["set", "files", "min", *_rates_header(changes), "false speech", *_mark(changes)]
    rows = []
    for each in sets:
        place = Measure(each.name, "", "")
        cells = [each.name, str(len(each.recordings)), f"{each.audio_s / 60:.1f}"]
        cells += _rates(each.scores, place, changes)
        rows.append([*cells, *_false_speech(each.false_speech_percent, place, changes)])
    mean = _rates(mean_scores(sets), Measure(MEAN, "", ""), changes)
    none = [_ABSENT] * (1 + len(_mark(changes)))
    return markdown_table(header, [*rows, ["mean", "", "", *mean, *none]])


def recordings_table(sets: Sequence[SetResult], changes: Changes | None) -> str:
    """Error rates, counts and speed of every recording; by length where a set's lengths differ."""
    header = ["recording", "s", *_rates_header(changes), "false speech", *_mark(changes),
              "speakers", "found", "real-time"]  # fmt: skip
    rows = []
    for each in sets:
        ordered = {one.recording_id: one for one in [*each.by_length, *each.recordings]}
        rows += [_recording_row(each, one, changes) for one in ordered.values()]
    return markdown_table(header, rows)


def counts_table(sets: Sequence[SetResult]) -> str:
    """How often the number of speakers was right, set by set."""
    rows = [
        [each.name, str(each.counts.n), str(each.counts.exact), str(each.counts.within_one)]
        for each in sets
    ]
    return markdown_table(["set", "files", "exact", "within one"], rows)


def confusion_table(each: SetResult) -> str:
    """Recordings of a set by true and found number of speakers."""
    by_true = each.counts.confusion()
    columns = sorted({found for by_found in by_true.values() for found in by_found})
    rows = [
        [str(true), *(str(by_found.get(found, ".")) for found in columns)]
        for true, by_found in by_true.items()
    ]
    return markdown_table(["true", *map(str, columns)], rows)


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


def _recording_row(each: SetResult, one: RecordingResult, changes: Changes | None) -> list[str]:
    true, found = one.n_speakers
    place = Measure(each.name, one.recording_id, "")
    return [
        f"{each.name} {one.recording_id}{' (failed)' if one.failure else ''}",
        _ABSENT if one.audio_s is None else f"{one.audio_s:.0f}",
        *_rates(one.scores, place, changes),
        *_false_speech(one.false_speech_percent, place, changes),
        str(true),
        _ABSENT if found is None else str(found),
        _factor(one.elapsed_s, one.audio_s),
    ]


def _rates_header(changes: Changes | None) -> list[str]:
    header = []
    for collar_s in COLLARS_S:
        header += [f"{part} {collar_s:g}" for part in _PARTS] + _mark(changes)
    return header


def _rates(scores: Scores, place: Measure, changes: Changes | None) -> list[str]:
    if not scores:
        return [_ABSENT] * len(_rates_header(changes))
    cells = []
    for score in scores:
        rates = (score.der, score.miss, score.false_alarm, score.confusion)
        cells += [f"{rate:.2f}" for rate in rates]
        cells += _change(place._replace(quantity=rate_name(score.collar_s)), changes)
    return cells


def _false_speech(percent: float | None, place: Measure, changes: Changes | None) -> list[str]:
    shown = _ABSENT if percent is None else f"{percent:.2f}"
    return [shown, *_change(place._replace(quantity=FALSE_SPEECH), changes)]


def _mark(changes: Changes | None) -> list[str]:
    """Header of the column of changes, where there is one."""
    return [] if changes is None else ["change"]


def _change(measure: Measure, changes: Changes | None) -> list[str]:
    if changes is None:
        return []
    change = changes.get(measure)
    return [_ABSENT if change is None else f"{change.delta:+.2f} {change.verdict}".rstrip()]


def _factor(seconds: float | None, audio_s: float | None) -> str:
    return f"{seconds / audio_s:.4f}" if seconds is not None and audio_s else _ABSENT
