"""Praat's TextGrid in its long form: an interval tier per speaker, its pauses without text.

Source: Praat's manual, "TextGrid file formats". A recording without speech gets one tier of one
empty interval, to annotate in; audio without length lasts one millisecond, since not every reader
takes an interval that ends where it begins.
"""

from collections.abc import Iterable

from formats.result import Result, Turn, by_speaker, seconds

NO_SPEECH_TIER = "no speech"

Interval = tuple[int, int, str]  # begin and end in milliseconds, text


def text(result: Result) -> str:
    """Write the grid, from 0 to the audio's end."""
    end_ms = max(result.length_ms, 1, *(turn.end_ms for turn in result.turns))
    tiers = {name: _intervals(turns, end_ms) for name, turns in by_speaker(result.turns).items()}
    tiers = tiers or {NO_SPEECH_TIER: [(0, end_ms, "")]}
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {seconds(end_ms)}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", *_tier(name, intervals, end_ms)]
    return "\n".join([*lines, ""])


def _intervals(turns: Iterable[Turn], end_ms: int) -> list[Interval]:
    """Of one speaker: cover 0 to `end_ms` without gap or overlap, as Praat wants it."""
    intervals: list[Interval] = []
    done_ms = 0
    for turn in sorted(turns, key=lambda turn: turn.start_ms):
        if turn.end_ms <= done_ms:
            continue
        start_ms = max(turn.start_ms, done_ms)
        if start_ms > done_ms:
            intervals.append((done_ms, start_ms, ""))
        intervals.append((start_ms, turn.end_ms, turn.speaker))
        done_ms = turn.end_ms
    if done_ms < end_ms:
        intervals.append((done_ms, end_ms, ""))
    return intervals


def _tier(name: str, intervals: list[Interval], end_ms: int) -> list[str]:
    lines = [
        '        class = "IntervalTier"',
        f"        name = {_quoted(name)}",
        "        xmin = 0",
        f"        xmax = {seconds(end_ms)}",
        f"        intervals: size = {len(intervals)}",
    ]
    for number, (start_ms, stop_ms, label) in enumerate(intervals, start=1):
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {seconds(start_ms)}",
            f"            xmax = {seconds(stop_ms)}",
            f"            text = {_quoted(label)}",
        ]
    return lines


def _quoted(label: str) -> str:
    return '"' + label.replace('"', '""') + '"'
