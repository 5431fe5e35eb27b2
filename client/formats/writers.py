"""Writers of the file formats beside RTTM: each takes a result and returns the file's text."""

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from html import escape

from formats.result import FormatError, Result, Turn, by_speaker, seconds, talk_ms

JSON_SCHEMA = "diarization-turns/1"
CSV_COLUMNS = ("recording_id", "start_s", "end_s", "speaker", "confidence")
NO_SPEECH_TIER = "no speech"

# A spreadsheet takes a text that begins with one of a few characters for a formula. As OWASP ("CSV
# Injection") advises, such an id or name gets a single quote before it; also after a semicolon,
# which separates columns in countries where numbers have a decimal comma. The reader may strip
# white space and quotes before these characters.
_FULL_WIDTH = r"\uff1d\uff0b\uff0d\uff20"  # of = + - @
_FORMULA = re.compile(rf"(?:^|(?<=;))(?=[\s\"']*[=+\-@\t\r\n{_FULL_WIDTH}])")

Interval = tuple[int, int, str]  # begin and end in milliseconds, text


def write_json(result: Result) -> str:
    """Write one line of JSON, as turns.schema.json describes it.

    Raises
    ------
    FormatError
        If the service reported no length or mode.
    """
    if result.mode is None:
        raise FormatError("the answer's INFO holds no mode, expected full or classic")
    document = {
        "schema": JSON_SCHEMA,
        "recording_id": result.recording_id,
        "audio_s": result.length_ms / 1000,
        "mode": result.mode,
        **(asdict(result.doubt) if result.doubt else {}),
        "speakers": [
            {"speaker": name, "talk_s": own_ms / 1000}
            for name, own_ms in talk_ms(result.turns).items()
        ],
        "turns": [_json_turn(result, turn) for turn in result.turns],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def write_srt(result: Result) -> str:
    """Write SubRip subtitles: one cue per turn with the speaker's name; cues may overlap."""
    return "".join(
        f"{number}\n{_cue_times(turn, ',')}\n{turn.speaker}\n\n"
        for number, turn in enumerate(result.turns, start=1)
    )


def write_vtt(result: Result) -> str:
    """Write WebVTT (W3C): one cue per turn, as the voice of its speaker; cues may overlap."""
    cues = []
    for turn in result.turns:
        name = escape(turn.speaker, quote=False)
        cues.append(f"\n{_cue_times(turn, '.')}\n<v {name}>{name}\n")
    return "".join(["WEBVTT\n", *cues])


def write_audacity(result: Result) -> str:
    """Write a label track for Audacity's File > Import > Labels: begin, end, speaker."""
    return "".join(
        f"{seconds(turn.start_ms)}\t{seconds(turn.end_ms)}\t{turn.speaker}\n"
        for turn in result.turns
    )


def write_csv(result: Result) -> str:
    """Write a header and a row per turn, with a channel column for separate channels."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    separate = result.n_separate is not None
    recording_id = spreadsheet_text(result.recording_id)
    writer.writerow((*CSV_COLUMNS, "channel") if separate else CSV_COLUMNS)
    for turn in result.turns:
        times = seconds(turn.start_ms), seconds(turn.end_ms)
        row = (recording_id, *times, spreadsheet_text(turn.speaker), turn.confidence)
        writer.writerow((*row, turn.channel) if separate else row)
    return table.getvalue()


def write_uem(result: Result) -> str:
    """Write NIST's UEM, the stretch to be scored: the whole recording, a line per channel."""
    end = seconds(result.length_ms)
    channels = range(1, (result.n_separate or 1) + 1)
    return "".join(f"{result.recording_id} {channel} 0.000 {end}\n" for channel in channels)


def write_textgrid(result: Result) -> str:
    """Write Praat's TextGrid in its long form: an interval tier per speaker, with empty pauses.

    Source: Praat's manual, "TextGrid file formats". A recording without speech gets one tier with
    one empty interval, to annotate in. Audio without length lasts one millisecond, because not
    every reader accepts an interval that ends where it begins.
    """
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


def spreadsheet_text(value: str) -> str:
    """Keep a spreadsheet from taking an id or a name for a formula."""
    return _FORMULA.sub("'", value)


def _json_turn(result: Result, turn: Turn) -> dict[str, object]:
    fields: dict[str, object] = {
        "start_s": turn.start_ms / 1000,
        "end_s": turn.end_ms / 1000,
        "speaker": turn.speaker,
        "confidence": turn.confidence,
    }
    return fields if result.n_separate is None else {**fields, "channel": turn.channel}


def _cue_times(turn: Turn, point: str) -> str:
    return f"{_clock(turn.start_ms, point)} --> {_clock(turn.end_ms, point)}"


def _clock(time_ms: int, point: str) -> str:
    """Format hours, minutes and seconds: 6756 becomes 00:00:06.756, given "." as `point`."""
    minutes, rest_ms = divmod(time_ms, 60_000)
    return (
        f"{minutes // 60:02d}:{minutes % 60:02d}:{rest_ms // 1000:02d}{point}{rest_ms % 1000:03d}"
    )


def _intervals(turns: Iterable[Turn], end_ms: int) -> list[Interval]:
    """Cover 0 to `end_ms` for one speaker, without gap or overlap, as Praat requires."""
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
