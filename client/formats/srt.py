"""SubRip subtitles: one numbered cue per turn, its text the speaker's name."""

from formats.result import Result, clock


def text(result: Result) -> str:
    """Write one cue per turn; turns that overlap are cues that overlap."""
    return "".join(
        f"{number}\n{clock(turn.start_ms, ',')} --> {clock(turn.end_ms, ',')}\n{turn.speaker}\n\n"
        for number, turn in enumerate(result.turns, start=1)
    )
