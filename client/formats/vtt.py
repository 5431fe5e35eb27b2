"""WebVTT, the subtitles of browsers: one cue per turn, in the voice of its speaker.

Source: W3C, "WebVTT: The Web Video Text Tracks Format".
"""

from html import escape

from formats.result import Result, clock


def text(result: Result) -> str:
    """Write one cue per turn; turns that overlap are cues that overlap."""
    cues = []
    for turn in result.turns:
        name = escape(turn.speaker, quote=False)
        times = f"{clock(turn.start_ms, '.')} --> {clock(turn.end_ms, '.')}"
        cues.append(f"\n{times}\n<v {name}>{name}\n")
    return "".join(["WEBVTT\n", *cues])
