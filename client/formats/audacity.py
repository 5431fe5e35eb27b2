"""Audacity's label track, to be read by File > Import > Labels: begin, end, label."""

from formats.result import Result, seconds


def text(result: Result) -> str:
    """Write one line per turn, tabs in between."""
    return "".join(
        f"{seconds(turn.start_ms)}\t{seconds(turn.end_ms)}\t{turn.speaker}\n"
        for turn in result.turns
    )
