"""The report in Markdown."""

from measure.evaluation.page import (
    headline,
    markdown_report,
    recordings_table,
    sets_table,
    speed_table,
)
from measure.evaluation.report import report_of
from unit.evaluation_cases import ALIKE, LONG, result, set_of

ORIGIN = {
    "date": "2026-01-02T03:04:05+00:00",
    "git": {"commit": "abc", "changed_files": 2},
    "machine": {"cpu": "EPYC", "n_cores": 2, "precision": "fp32", "load_before": 0.1},
}


def cells(table, row):
    """The cells of a row, without the header and the rule."""
    return [cell.strip() for cell in table.splitlines()[row + 2].strip("|").split("|")]


def test_a_set_without_speech_shows_false_speech_and_no_rate():
    sets = [set_of("s", result("a", 3.0, true="x"), der=3.0), set_of("n", result("b", found="x"))]

    table = sets_table(sets)

    rates = ["3.00", "3.00", "0.00", "0.00"] * 2
    assert cells(table, 0) == ["s", "1", "0.2", *rates, "–", "1", "1"]
    assert cells(table, 1) == ["n", "1", "0.2", *["–"] * 8, "10.00", "0", "1"]
    assert cells(table, 2) == ["mean", "", "", *rates, "", "", ""]


def test_a_failed_recording_is_marked():
    table = recordings_table([set_of("s", result("a", 100.0, true="xy", failure="no"))])

    assert cells(table, 0)[0] == "s a (failed)"
    assert cells(table, 0)[-3:] == ["2", "–", "–"]


def test_speed_is_seconds_of_work_per_second_of_audio():
    table = speed_table([set_of("s", result("a", 0)), set_of("t", result("b", 0))])

    assert cells(table, 0) == ["s", "0.5000"]  # 5 s of work, 10 s of audio
    assert cells(table, 2) == ["all", "0.5000"]


def test_the_headline_is_one_sentence():
    sets = [set_of("s", der=3.0), set_of("t", der=5.0), set_of("n")]

    assert headline(sets).startswith("DER 4.00 / 4.00 % at collar 0.25 / 0 s")
    assert "the mean of 2 set(s)" in headline(sets)
    assert headline([set_of("n")]) == "No set has speech to score."


def test_the_report_says_where_the_figures_come_from():
    sets = [set_of("s", result("a", 3.0, true="x", found="x"), der=3.0)]
    report = report_of(sets, {"jobs": 4, "mode": "classic", "url": None}, ORIGIN)

    text = markdown_report(sets, report)

    assert "commit abc, 2 file(s) not committed" in text
    assert "EPYC, 2 cores" in text
    assert "jobs=4, mode=classic\n" in text
    assert all(f"## {part}\n" in text for part in ("Sets", "Speed", "Recordings"))


def test_rows_are_sorted_by_length_where_lengths_differ():
    rows = recordings_table([LONG, ALIKE]).splitlines()[2:]

    names = [row.split("|")[1].strip() for row in rows]
    assert names == ["long m4", "long m16", "long m60", "alike m5", "alike m4"]


def test_a_failed_recording_keeps_its_row():
    failed = result("f", 100.0, true="x", failure="no")

    rows = recordings_table([set_of("s", failed, *LONG.recordings)]).splitlines()[2:]

    assert [row.split("|")[1].strip() for row in rows][-1] == "s f (failed)"
