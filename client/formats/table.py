"""CSV for spreadsheets and pandas: a header, and a row per turn."""

import csv
import io

from formats.result import Result, seconds

COLUMNS = ("recording_id", "start_s", "end_s", "speaker", "confidence")


def text(result: Result) -> str:
    """Write the table; the header is there without turns too."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for turn in result.turns:
        times = seconds(turn.start_ms), seconds(turn.end_ms)
        writer.writerow((result.recording_id, *times, turn.speaker, turn.confidence))
    return table.getvalue()
