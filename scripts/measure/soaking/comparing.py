"""Outcomes held against each other, and against what an answer and an error have to be.

A function named for a fault returns one sentence about it, or None.
"""

import re
from collections.abc import Sequence

from diarization import rttm as library_rttm
from diarization import turns as library_turns
from measure.evaluation.rttm_turns import Turn, speakers_of, turns_of
from measure.soaking.asking import OK, Outcome

SAME_TIME_S = 0.02
MOST_DIFFERENCE = 0.15  # share of the speech in which the speakers may differ
STEP_S = 0.01
ROUNDING_S = 1e-6
SHOWN_CHARS = 200
_NAME = re.compile(r"(?:CH(\d+)_)?SPEAKER_(\d+)")
_SERVER_SIDE = re.compile(r'Traceback|File "|\.py\b|/model_repo|site-packages')


def read(outcome: Outcome) -> list[Turn]:
    """Turns of an answer."""
    return turns_of(outcome.text.splitlines())


def unanswered(outcome: Outcome) -> str | None:
    """What keeps an outcome from being an answer whose RTTM reads back."""
    if outcome.status != OK:
        return f"got {shown(outcome)}, expected an answer"
    try:
        again = _written(read(outcome), outcome.recording_id)
    except (ValueError, IndexError) as error:
        return f"the RTTM cannot be read: {error}"
    return (
        None
        if again == outcome.text
        else f"the RTTM does not read back: {outcome.text[:SHOWN_CHARS]!r}"
    )


def _written(turns: Sequence[Turn], recording_id: str) -> str:
    """The same turns as the library writes them."""
    return library_rttm.format_rttm(map(_row, turns), recording_id)


def _row(turn: Turn) -> library_turns.Turn:
    """A turn for the library; where its name tells a channel, it stands in the line too."""
    name = _NAME.fullmatch(turn.speaker)
    if name is None:
        raise ValueError(f"unexpected speaker {turn.speaker!r}")
    channel, number = name.groups()
    times = turn.begin_s, turn.end_s
    if channel is None:
        return library_turns.Turn(*times, int(number))
    return library_turns.Turn(*times, int(number), channel=int(channel), name=turn.speaker)


def not_same(turns: Sequence[Turn], expected: Sequence[Turn]) -> str | None:
    """How turns differ by more than 20 ms, or in speakers."""
    if [turn.speaker for turn in turns] != [turn.speaker for turn in expected]:
        return f"got {_listed(turns)}, expected {_listed(expected)}"
    off_s = max(
        (max(abs(a.begin_s - b.begin_s), abs(a.end_s - b.end_s))
         for a, b in zip(turns, expected, strict=True)),
        default=0.0,
    )  # fmt: skip
    if off_s <= SAME_TIME_S + ROUNDING_S:
        return None
    return f"boundaries differ by {1000 * off_s:.0f} ms, expected at most {1000 * SAME_TIME_S:.0f}"


def not_similar(turns: Sequence[Turn], expected: Sequence[Turn]) -> str | None:
    """How turns differ in the number of speakers, or too often in who speaks."""
    n_got, n_expected = len(speakers_of(turns)), len(speakers_of(expected))
    if n_got != n_expected:
        return f"got {n_got} speakers, expected {n_expected}"
    share = difference(turns, expected)
    if share <= MOST_DIFFERENCE:
        return None
    return f"{100 * share:.0f} % of the speech differ, expected at most {100 * MOST_DIFFERENCE:.0f}"


def difference(turns: Sequence[Turn], expected: Sequence[Turn]) -> float:
    """Share of the time with speech, in either, in which not the same speakers talk; 0 to 1."""
    ours, theirs = _steps(turns), _steps(expected)
    return len(ours ^ theirs) / max(len(ours | theirs), 1)


def _steps(turns: Sequence[Turn]) -> set[tuple[int, str]]:
    return {
        (step, turn.speaker)
        for turn in turns
        for step in range(round(turn.begin_s / STEP_S), round(turn.end_s / STEP_S))
    }


def not_telling(outcome: Outcome, naming: Sequence[str]) -> str | None:
    """What an error's text lacks, or has too much."""
    if lacking := [word for word in naming if word not in outcome.text]:
        return f"the text lacks {', '.join(map(repr, lacking))}: {outcome.text[:SHOWN_CHARS]}"
    if inside := _SERVER_SIDE.search(outcome.text):
        return (
            f"the text shows the server's inside, {inside.group()!r}: {outcome.text[:SHOWN_CHARS]}"
        )
    return None if outcome.text else "there is no text"


def shown(outcome: Outcome) -> str:
    """What came back, in short."""
    if outcome.status != OK:
        return f"{outcome.status}: {outcome.text[:SHOWN_CHARS]}"
    turns = read(outcome)
    return f"{len(speakers_of(turns))} speaker(s), {len(turns)} turn(s)"


def _listed(turns: Sequence[Turn]) -> str:
    return " ".join(f"{t.begin_s:.2f}-{t.end_s:.2f}:{t.speaker[-2:]}" for t in turns) or "no turns"
