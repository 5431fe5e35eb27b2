"""The tables of a report: Markdown, aligned, so that a terminal shows them as well."""

from collections.abc import Iterable, Mapping, Sequence

from measure.evaluation.compare import FALSE_SPEECH, MEAN, Change, Measure, rate_name
from measure.evaluation.results import RecordingResult, Scores, SetResult, mean_scores
from scoring.scores import COLLARS_S

Changes = Mapping[Measure, Change]
Row = Sequence[str]

_ABSENT = "–"
_PARTS = ("DER", "miss", "FA", "conf")
_SHORTEST_RULE = 3  # of dashes, in Markdown


def markdown_table(header: Row, rows: Iterable[Row]) -> str:
    """Align the columns: the first to the left, all others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    columns = range(len(header))
    widths = [max(_SHORTEST_RULE, *(len(line[column]) for line in lines)) for column in columns]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(_table_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def sets_table(sets: Sequence[SetResult], changes: Changes | None) -> str:
    """Error rates of each set and their mean; false speech where there is no speech."""
    header = ["set", "files", "min", *_rates_header(changes), "false speech", *_mark(changes)]
    rows = [
        [
            each.name,
            str(len(each.recordings)),
            f"{each.audio_s / 60:.1f}",
            *_rates(each.scores, Measure(each.name, "", ""), changes),
            *_false_speech(each.false_speech_percent, Measure(each.name, "", ""), changes),
        ]
        for each in sets
    ]
    none = [_ABSENT] * (1 + len(_mark(changes)))
    mean = [*_rates(mean_scores(sets), Measure(MEAN, "", ""), changes), *none]
    return markdown_table(header, [*rows, ["mean", "", "", *mean]])


def recordings_table(sets: Sequence[SetResult], changes: Changes | None) -> str:
    """Error rates, counts and speed of every recording; by length where a set's lengths differ."""
    header = ["recording", "s", *_rates_header(changes), "false speech", *_mark(changes),
              "speakers", "found", "real-time"]  # fmt: skip
    return markdown_table(
        header, [_recording_row(each, one, changes) for each in sets for one in _ordered(each)]
    )


def counts_table(sets: Sequence[SetResult]) -> str:
    """How often the number of speakers was right, set by set."""
    rows = [
        [each.name, str(each.counts.n), str(each.counts.exact), str(each.counts.within_one)]
        for each in sets
    ]
    return markdown_table(["set", "files", "exact", "within one"], rows)


def confusions(sets: Sequence[SetResult]) -> list[tuple[str, str]]:
    """Name of each set, and its table of recordings by true and found number of speakers."""
    tables = []
    for each in sets:
        by_true = each.counts.confusion()
        columns = sorted({found for by_found in by_true.values() for found in by_found})
        rows = [
            [str(true), *(str(by_found.get(found, ".")) for found in columns)]
            for true, by_found in by_true.items()
        ]
        tables.append((each.name, markdown_table(["true", *map(str, columns)], rows)))
    return tables


def speed_table(sets: Sequence[SetResult]) -> str:
    """Seconds of work per second of audio: the whole run, and the server's stages."""
    stages = list(dict.fromkeys(stage for each in sets for stage in each.stage_s))
    header = ["set", "wall", *(f"server {stage}" for stage in stages)]
    total_s = sum(each.audio_s for each in sets)
    rows = [
        [each.name, *(_factor(seconds, each.audio_s) for seconds in _seconds(each, stages))]
        for each in sets
    ]
    columns = zip(*(_seconds(each, stages) for each in sets), strict=True)
    return markdown_table(header, [*rows, ["all", *(_factor(sum(c), total_s) for c in columns)]])


def _ordered(each: SetResult) -> list[RecordingResult]:
    ordered = {one.recording_id: one for one in [*each.by_length, *each.recordings]}
    return list(ordered.values())


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
    """Header of a column that tells a change, where there is one."""
    return [] if changes is None else ["change"]


def _change(measure: Measure, changes: Changes | None) -> list[str]:
    if changes is None:
        return []
    change = changes.get(measure)
    return [_ABSENT if change is None else f"{change.delta:+.2f} {change.verdict}".rstrip()]


def _seconds(each: SetResult, stages: Sequence[str]) -> list[float]:
    return [each.wall_s, *(each.stage_s.get(stage, 0.0) for stage in stages)]


def _factor(seconds: float | None, audio_s: float | None) -> str:
    return f"{seconds / audio_s:.4f}" if seconds is not None and audio_s else _ABSENT


def _table_line(cells: Row, widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |\n"
