"""docs/formats.md shows what the client writes: its CSV, complete, and the same in all formats."""

import csv
import io
import re
from pathlib import Path

import pytest

from formats import FORMATS, TOKENS
from formats.result import Doubt, Result, Turn
from unit.client_results import served_rttm

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
CUT = "..."


def example(token):
    """The first block of code below this format's heading."""
    return re.search(rf"^## {token}\n.*?^```\w*\n(.*?)^```$", PAGE.read_text(), re.M | re.S)[1]


def example_apart(token):
    """The first block of code after this format's name in the section on separate channels."""
    section = PAGE.read_text().partition("\n## Separate channels\n")[2]
    return re.search(rf"^`{token}`.*?^```\n(.*?)^```$", section, re.M | re.S)[1]


@pytest.fixture(scope="module")
def shown():
    """The recording of the page."""
    return result_in(example("csv"), example("uem"))


@pytest.fixture(scope="module")
def shown_apart():
    """The call of the page, whose channels are separate."""
    return result_in(example_apart("csv"), example_apart("uem"))


def result_in(table, uem):
    rows = list(csv.DictReader(io.StringIO(table)))
    turns = tuple(
        Turn(
            *times_ms(row),
            row["speaker"],
            float(row["confidence"]),
            int(row.get("channel", 1)),
        )
        for row in rows
    )
    *_, last = uem.splitlines()
    recording_id, n_channels, _, length_s = last.split()
    n_separate = int(n_channels) if "channel" in rows[0] else None
    return Result(
        recording_id, turns, round(float(length_s) * 1000), "full", n_separate, Doubt(0.0, False)
    )


def times_ms(row):
    return (round(float(row[column]) * 1000) for column in ("start_s", "end_s"))


def text(token, result):
    if token == "rttm":
        return served_rttm(result)
    return FORMATS[token].text(result)


@pytest.mark.parametrize("token", TOKENS)
def test_the_example_is_what_is_written(token, shown):
    shows(example(token), token, shown)


@pytest.mark.parametrize("token", ["rttm", "json", "csv", "uem"])
def test_the_example_of_separate_channels_is_what_is_written(token, shown_apart):
    assert shown_apart.n_separate == 2
    shows(example_apart(token), token, shown_apart)


def shows(block, token, result):
    begin, cut, _ = block.partition(CUT)
    whole = text(token, result)
    if token == "json":
        begin = begin.replace("\n", " ")  # the page breaks its one line

    assert len(begin) > 10
    assert whole.startswith(begin) if cut else whole == begin


@pytest.mark.parametrize("token", TOKENS)
def test_the_table_names_every_file(token):
    ending = "`rttm_<id>`" if token == "rttm" else f"`<id>{FORMATS[token].ending}`"

    assert re.search(rf"^\| `{token}`.* \| {re.escape(ending)} \|", PAGE.read_text(), re.M)
