"""The files of an evaluation: complete or untouched, with the reason in one sentence."""

import json

import pytest

from formats.rttm_files import OutputError
from measure.evaluation.output import JSON_NAME, MARKDOWN_NAME, ReportFolder


def test_report_is_written_in_both_forms(tmp_path):
    ReportFolder(tmp_path / "new").write_report({"DER": "1 % – 2 %"}, "# Report")
    assert json.loads((tmp_path / "new" / JSON_NAME).read_text()) == {"DER": "1 % – 2 %"}
    assert (tmp_path / "new" / MARKDOWN_NAME).read_text() == "# Report"


def test_report_that_cannot_be_written_names_the_file_and_leaves_nothing(tmp_path):
    folder = ReportFolder(tmp_path)
    (tmp_path / JSON_NAME).mkdir()
    with pytest.raises(OutputError, match=rf"^cannot write {tmp_path / JSON_NAME}: Is a directory"):
        folder.write_report({}, "")
    assert [path.name for path in tmp_path.iterdir()] == [JSON_NAME]
