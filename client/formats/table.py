"""CSV for spreadsheets and pandas: a header, and a row per turn.

Where every channel was diarized on its own, the last column tells it.

A spreadsheet takes a text for a formula that begins with one of a few characters. As OWASP ("CSV
Injection") has it, such an id or name gets a single quote before it. It gets one behind a semicolon
too, which separates columns where the comma stands in numbers.
"""

import csv
import io
import re

from formats.result import Result, seconds

COLUMNS = ("recording_id", "start_s", "end_s", "speaker", "confidence")
CHANNEL = "channel"
_FULL_WIDTH = r"\uff1d\uff0b\uff0d\uff20"  # of = + - @
# White space and quotes before it may be taken off by the reader.
_FORMULA = re.compile(rf"(?:^|(?<=;))(?=[\s\"']*[=+\-@\t\r\n{_FULL_WIDTH}])")


def text(result: Result) -> str:
    """Write the table; the header is there without turns too."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    apart = result.n_separate is not None
    recording_id = as_text(result.recording_id)
    writer.writerow((*COLUMNS, CHANNEL) if apart else COLUMNS)
    for turn in result.turns:
        times = seconds(turn.start_ms), seconds(turn.end_ms)
        row = (recording_id, *times, as_text(turn.speaker), turn.confidence)
        writer.writerow((*row, turn.channel) if apart else row)
    return table.getvalue()


def as_text(value: str) -> str:
    """Keep a spreadsheet from taking an id or a name for a formula."""
    return _FORMULA.sub("'", value)
