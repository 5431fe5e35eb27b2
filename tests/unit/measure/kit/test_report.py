import pytest

from formats.atomic_file import OutputError
from measure.kit.report import markdown_table, marks, output_errors, put_into, write_json


def test_columns_are_aligned_the_first_to_the_left():
    assert markdown_table(["set", "n"], [["a", "1"], ["long", "200"]]) == (
        "| set  |   n |\n| ---- | --: |\n| a    |   1 |\n| long | 200 |\n"
    )


def test_a_file_that_cannot_be_written_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*absent/report\.json: No such file"):
        write_json(tmp_path / "absent" / "report.json", {})
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_names_the_place(tmp_path):
    with (
        pytest.raises(OutputError, match=r"^cannot write to .*: Is a directory$"),
        output_errors(tmp_path),
    ):
        tmp_path.open("w")
    with pytest.raises(OutputError, match=r"^as it was$"), output_errors(tmp_path):
        raise OutputError("as it was")


def test_only_the_part_between_the_marks_is_replaced(tmp_path):
    begin, end = marks("load")
    page = tmp_path / "page.md"
    page.write_text(f"<!-- speed: begin -->\n{begin}old\n{end}after\n")

    put_into(page, "new\n", "load")

    assert page.read_text() == f"<!-- speed: begin -->\n{begin}new\n{end}after\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="has no lines '<!-- load: begin -->'"):
        put_into(page, "new\n", "load")
