"""docs/formats.md shows what the client writes: its CSV, complete, and the same in all formats."""

import csv
import io
import re
from pathlib import Path

import pytest

from diarization.rttm import format_rttm
from diarization.turns import Turn as ServerTurn
from formats import FORMATS, TOKENS
from formats.result import Result, Turn

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
CUT = "..."


def example(token):
    """The first block of code below this format's heading."""
    return re.search(rf"^## {token}\n.*?^```\w*\n(.*?)^```$", PAGE.read_text(), re.M | re.S)[1]


@pytest.fixture(scope="module")
def shown():
    """The recording of the page."""
    rows = list(csv.DictReader(io.StringIO(example("csv"))))
    turns = tuple(Turn(*times_ms(row), row["speaker"], float(row["confidence"])) for row in rows)
    recording_id, _, _, length_s = example("uem").split()
    return Result(recording_id, turns, round(float(length_s) * 1000), "full")


def times_ms(row):
    return (round(float(row[column]) * 1000) for column in ("start_s", "end_s"))


def text(token, result):
    if token == "rttm":
        turns = [
            ServerTurn(turn.start_ms / 1000, turn.end_ms / 1000, int(turn.speaker[-2:]))
            for turn in result.turns
        ]
        return format_rttm(turns, result.recording_id)
    return FORMATS[token].text(result)


@pytest.mark.parametrize("token", TOKENS)
def test_the_example_is_what_is_written(token, shown):
    begin, cut, _ = example(token).partition(CUT)
    whole = text(token, shown)
    if token == "json":
        begin = begin.replace("\n", " ")  # the page breaks its one line

    assert len(begin) > 10
    assert whole.startswith(begin) if cut else whole == begin


@pytest.mark.parametrize("token", TOKENS)
def test_the_table_names_every_file(token):
    ending = "`rttm_<id>`" if token == "rttm" else f"`<id>{FORMATS[token].ending}`"

    assert re.search(rf"^\| `{token}`.* \| {re.escape(ending)} \|", PAGE.read_text(), re.M)
