"""Counts and error rates against length: the order of the table, and the picture."""

from dataclasses import replace

from measure.evaluation.length_picture import length_figure
from measure.evaluation.output import ReportFolder
from measure.evaluation.tables import recordings_table
from unit.evaluation_cases import result, set_of


def lasting(minutes, der, found="xy"):
    return replace(result(f"m{minutes}", der, true="xy", found=found), audio_s=60.0 * minutes)


LONG = set_of("long", lasting(60, 9.0, "x"), lasting(4, 1.0), lasting(16, 3.0, "xyz"))
ALIKE = set_of("alike", lasting(5, 1.0), lasting(4, 1.0))


def test_rows_stand_by_length_where_lengths_differ():
    rows = recordings_table([LONG, ALIKE], None).splitlines()[2:]

    names = [row.split("|")[1].strip() for row in rows]
    assert names == ["long m4", "long m16", "long m60", "alike m5", "alike m4"]


def test_a_failed_recording_keeps_its_row():
    failed = result("f", 100.0, true="x", failure="no")

    rows = recordings_table([set_of("s", failed, *LONG.recordings)], None).splitlines()[2:]

    assert [row.split("|")[1].strip() for row in rows][-1] == "s f (failed)"


def test_each_set_whose_lengths_differ_is_a_line_in_both_panels():
    counts, rates = length_figure([LONG, ALIKE]).axes

    assert [line.get_label() for line in rates.get_lines()] == ["long"]
    assert rates.get_lines()[0].get_xydata().tolist() == [[4, 1], [16, 3], [60, 9]]
    assert counts.get_lines()[0].get_xydata().tolist() == [[4, 1], [16, 1.5], [60, 0.5]]


def test_the_picture_is_written_and_one_of_an_earlier_run_goes(tmp_path):
    folder = ReportFolder(tmp_path)

    folder.draw_lengths([LONG])
    assert (tmp_path / "lengths.png").read_bytes().startswith(b"\x89PNG")
    folder.draw_lengths([ALIKE])
    assert not (tmp_path / "lengths.png").exists()
