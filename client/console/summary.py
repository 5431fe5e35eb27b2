"""The summary at the end of a run: who talked how long, or the outcome of a list."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.text import hours, shown
from formats.result import FormatError, Turn, talk_ms
from formats.rttm import turns_in_rttm
from sending.outcome import Answer

MAX_BAR_CELLS = 40
MIN_BAR_CELLS = 5
MAX_NAME_CELLS = 30
_FULL, _FULL_IN_ASCII = "█", "#"
_COLOURS = (36, 33, 35, 32, 34, 31)  # of ANSI; one per speaker, who is also named


@dataclass(frozen=True)
class Screen:
    """What the terminal can show: its width, and whether Unicode and colours."""

    columns: int = 80
    unicode: bool = True
    colour: bool = False


def recording_summary(answer: Answer, screen: Screen) -> list[str]:
    """Summarize one recording: a line of totals, and a line per speaker by talk time.

    The speakers are left out if the answer's RTTM cannot be read.
    """
    length = "" if answer.audio_s is None else f"{hours(answer.audio_s)} of audio, "
    took = f"took {answer.elapsed_s:.1f} s"
    head = f"{shown(answer.recording.recording_id)}: {length}"
    try:
        turns = turns_in_rttm(answer.rttm.decode())
    except (FormatError, UnicodeDecodeError):
        return [head + took]
    if not turns:
        return [f"{head}no speech, {took}"]
    speaker_ms = dict(sorted(talk_ms(turns).items(), key=lambda item: -item[1]))
    counts = f"{_counted(len(speaker_ms), 'speaker')}, {_counted(len(turns), 'turn')}, "
    return [head + counts + took, *_speaker_lines(turns, speaker_ms, screen)]


def list_summary(
    answers: Sequence[Answer], n_failed: int, n_earlier: int, elapsed_s: float
) -> list[str]:
    """Summarize the recordings of a list."""
    audio_s = sum(answer.audio_s or 0.0 for answer in answers)
    n_speakers = [answer.n_speakers for answer in answers]
    counts = f"{len(answers)} done, {n_failed} failed"
    rows = [("recordings", counts + (f", {n_earlier} done by an earlier run" if n_earlier else ""))]
    if answers:
        mean = sum(n_speakers) / len(n_speakers)
        spread = f"{mean:.1f} per recording, {min(n_speakers)} to {max(n_speakers)}"
        doubts = [answer.doubt for answer in answers if answer.doubt]
        if n_doubtful := sum(doubt.more_speakers_likely for doubt in doubts):
            spread += f"; more may be present in {_counted(n_doubtful, 'recording')}"
        rows += [("audio", hours(audio_s)), ("speakers", spread)]
    speed = f", {audio_s / elapsed_s:.1f} times as fast as real time" if audio_s else ""
    rows.append(("time", hours(elapsed_s) + speed))
    return [f"{name:10}  {text}" for name, text in rows]


def _speaker_lines(turns: Sequence[Turn], speaker_ms: dict[str, int], screen: Screen) -> list[str]:
    labels = _padded({name: _cut(shown(name)) for name in speaker_ms})
    n_turns = Counter(turn.speaker for turn in turns)
    whole_ms, max_ms = sum(speaker_ms.values()) or 1, max(speaker_ms.values()) or 1
    lines = []
    for number, (name, own_ms) in enumerate(speaker_ms.items()):
        text = (
            f"  {labels[name]}  {hours(own_ms / 1000)}  {own_ms / whole_ms:4.0%}  "
            f"{_counted(n_turns[name], 'turn'):>9}  "
        )
        room_cells = screen.columns - 1 - _cells(text)
        lines.append((text + _bar(own_ms / max_ms, room_cells, number, screen)).rstrip())
    return lines


def _padded(names: Mapping[str, str]) -> dict[str, str]:
    max_cells = max(map(_cells, names.values()))
    return {key: name + " " * (max_cells - _cells(name)) for key, name in names.items()}


def _bar(fraction: float, room_cells: int, number: int, screen: Screen) -> str:
    """Draw a bar; empty if there is little room."""
    n_cells = round(fraction * min(room_cells, MAX_BAR_CELLS))
    if room_cells < MIN_BAR_CELLS or not n_cells:
        return ""
    bar = (_FULL if screen.unicode else _FULL_IN_ASCII) * n_cells
    return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{bar}\x1b[0m" if screen.colour else bar


def _cut(name: str) -> str:
    while _cells(name) > MAX_NAME_CELLS:
        name = name.removesuffix("...")[:-1] + "..."
    return name


def _cells(text: str) -> int:
    """Count terminal columns: two for wide characters, none for accents and joiners."""
    return sum(
        1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
        if unicodedata.category(each) not in ("Mn", "Me", "Cf")
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
