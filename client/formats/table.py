"""CSV for spreadsheets and pandas: a header, and a row per turn.

Where every channel was diarized on its own, the last column tells it.
"""

import csv
import io

from formats.result import Result, seconds

COLUMNS = ("recording_id", "start_s", "end_s", "speaker", "confidence")
CHANNEL = "channel"


def text(result: Result) -> str:
    """Write the table; the header is there without turns too."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    apart = result.n_separate is not None
    writer.writerow((*COLUMNS, CHANNEL) if apart else COLUMNS)
    for turn in result.turns:
        times = seconds(turn.start_ms), seconds(turn.end_ms)
        row = (result.recording_id, *times, turn.speaker, turn.confidence)
        writer.writerow((*row, turn.channel) if apart else row)
    return table.getvalue()
