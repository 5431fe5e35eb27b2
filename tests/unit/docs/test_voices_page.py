"""docs/voices.md: its commands are understood, its figures and names are those of the code."""

import re
import shlex
import sqlite3
from pathlib import Path

import pytest

import enroll
from console import options
from measure import measure_voices
from measure.kit.report import marks
from voices.enrolling import LEAST_OTHER_S, LEAST_SPEECH_S
from voices.store import VOICES
from voices.voice import DEFAULT_THRESHOLD

PAGE = Path(__file__).resolve().parents[3] / "docs" / "voices.md"
PARSERS = {
    "client/client.py": options.parse_options,
    "client/enroll.py": enroll.parse_options,
    "scripts/measure/measure_voices.py": measure_voices.parsed_options,
}


def commands():
    """Program and arguments of every line in the page's blocks that runs one of ours."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [(line[1], line[2:]) for line in lines if line and line[0] == "python"]


@pytest.mark.parametrize(("program", "arguments"), commands())
def test_every_command_is_understood(program, arguments):
    PARSERS[program](arguments)


def test_every_program_is_shown():
    assert {program for program, _ in commands()} == set(PARSERS)


def test_the_page_shows_the_defaults():
    text = PAGE.read_text()

    assert f"The default of `--voice_threshold` is {DEFAULT_THRESHOLD:g}" in text
    assert f"at least {LEAST_SPEECH_S:g} s of speech" in text
    assert f"for at least {LEAST_OTHER_S:g} s" in text
    assert f"0x{VOICES.application_id:X}" in text
    assert f"version of the schema, {VOICES.version}." in text


def test_the_query_shown_fits_the_schema():
    query = re.search(r"sqlite3 voices\.db '(.*?)'", PAGE.read_text())[1]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(VOICES.schema)
        assert connection.execute(query).fetchall() == []
    connection.close()


def test_figures_are_there_and_were_measured_at_the_default():
    begin, end = marks("measured")
    measured = PAGE.read_text().partition(begin)[2].partition(end)[0]

    assert f"false rejects at {DEFAULT_THRESHOLD:g}" in measured
    assert re.search(r"\d cores, no GPU used; speaker network \w+", measured)


def test_the_sentence_sums_up_the_rows_of_its_table():
    text = PAGE.read_text()
    found = re.search(
        r"with (\d+) s,\s(\w+)\sof\s(\d+) trials was missed and (\d+) of ([\d ]+) impostor trials",
        text,
    )
    length_s, missed, genuine, accepted, impostors = found.groups()
    rows = re.findall(
        rf"^\| (?:another recording|the other half) +\| +{length_s} s \|.*$", text, re.M
    )
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    wrong = [[int(re.search(r"\((\d+)\)", cell)[1]) for cell in row[9:11]] for row in cells]

    assert len(cells) == 2
    assert sum(int(row[4]) for row in cells) == int(genuine)
    assert sum(int(row[6]) for row in cells) == int(impostors.replace(" ", ""))
    assert sum(rejects for rejects, _ in wrong) == {"none": 0}[missed]
    assert sum(accepts for _, accepts in wrong) == int(accepted)
