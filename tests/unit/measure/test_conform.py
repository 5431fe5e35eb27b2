"""conform.py without a server: the table, and a precision that the server does not name."""

import pytest

from measure import conform
from measure.conforming.checks import Check


def test_long_texts_are_cut_and_keep_the_table_whole():
    text = conform.table([Check("net: case", f"{'a|' * 50}", "b", False)])

    (line,) = text.splitlines()[2:]
    assert line.split(" | ") == ["| net: case", f"{'a/' * 33}a...", "       b", "  FAIL |"]


@pytest.mark.parametrize(
    ("given", "named", "status"),
    [([], None, 1), ([], "bf16", 0), ([], "int8+bf16", 0), (["--precision", "half"], None, 0)],
)
def test_the_precision_comes_from_the_server_or_the_command_line(
    given, named, status, monkeypatch, capsys
):
    monkeypatch.setattr(conform, "prepare", lambda: ([], None))
    monkeypatch.setattr(conform, "check_run", lambda *_: ([], named))

    assert conform.main(["--url", "127.0.0.1:1", *given]) == status
    said = "INFO names none, expected --precision fp32, half or int8"
    assert (said in capsys.readouterr().err) == (status == 1)
