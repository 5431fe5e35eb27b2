"""Turns that a person corrected: read and checked before they are kept."""

import re
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from console.text import EXPECTED_IN_NAMES, NOT_IN_NAMES
from formats.result import Result, Turn
from web.exports import rttm_name
from web.problems import ProblemError

MOST_TURNS = 100_000
MOST_SPEAKERS = 1000  # ten times as many as are found in one channel
MOST_S = 1e6  # 11 days
MOST_NAME_CHARACTERS = 100
BY_HAND = 1.0  # confidence of a turn that a person set
_NO_BLANK = re.compile(r"[^\S ]")


def _name(text: str) -> str:
    """Take a speaker's name without white space around it."""
    name = text.strip()
    if not name:
        raise ValueError(f"got {text!r}, expected a name of at least one character")
    if found := NOT_IN_NAMES.search(name) or _NO_BLANK.search(name):
        raise ValueError(
            f"name {name!r} holds {found.group()!r}, expected {EXPECTED_IN_NAMES}, and no white "
            "space but blanks"
        )
    return name


class CorrectedTurn(BaseModel):
    """One speaker talking."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    start_s: float = Field(ge=0, le=MOST_S, description="Seconds from the recording's start.")
    end_s: float = Field(
        gt=0, le=MOST_S, description="Seconds from the recording's start, after `start_s`."
    )
    speaker: Annotated[str, AfterValidator(_name)] = Field(
        min_length=1,
        max_length=MOST_NAME_CHARACTERS,
        description="A name; blanks may be in it, but neither other white space nor control "
        "characters, direction marks (such as U+202E) and zero-width spaces.",
    )
    confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="As in the result, for a turn that was kept; without it the turn counts as "
        "set by a person, which is 1.",
    )
    channel: int = Field(
        default=1, ge=1, description="As in the result, where its channels are separate."
    )


class Correction(BaseModel):
    """All turns of a recording, in any order: they take the place of those before."""

    model_config = ConfigDict(extra="forbid")

    turns: list[CorrectedTurn] = Field(
        max_length=MOST_TURNS,
        description=f"Of at most {MOST_SPEAKERS} speakers, or as many as were found.",
    )


def corrected(original: Result, correction: Correction) -> Result:
    """Put corrected turns, in order of begin, in the place of the original ones.

    Raises
    ------
    ProblemError
        422 if a turn ends before it begins or after the audio, or is on a channel that there is
        not, there are too many speakers, or two names are one in RTTM.
    """
    turns = sorted(
        (_turn(turn) for turn in correction.turns),
        key=lambda turn: (turn.start_ms, turn.end_ms, turn.channel, turn.speaker),
    )
    n_channels = original.n_separate or 1
    end_ms = max(original.audio_ms or 0, *(turn.end_ms for turn in original.turns), 0)
    problems = [
        {"field": f"turns.{number}", "message": message}
        for number, turn in enumerate(correction.turns)
        if (message := _problem(_turn(turn), end_ms, n_channels))
    ]
    names = {turn.speaker for turn in turns}
    problems += _too_many(len(names), len(original.speakers)) + _one_name_twice(names)
    if problems:
        raise ProblemError(422, problems[0]["message"], errors=problems[:100])
    return replace(original, turns=tuple(turns))


def _turn(turn: CorrectedTurn) -> Turn:
    confidence = BY_HAND if turn.confidence is None else turn.confidence
    times = round(turn.start_s * 1000), round(turn.end_s * 1000)
    return Turn(*times, turn.speaker, confidence, turn.channel)


def _problem(turn: Turn, audio_ms: int, n_channels: int) -> str | None:
    if turn.end_ms <= turn.start_ms:
        return f"a turn from {turn.start_ms} to {turn.end_ms} ms, expected one of 1 ms or more"
    if turn.end_ms > audio_ms:
        return f"a turn ends at {turn.end_ms} ms, expected at most the audio's {audio_ms} ms"
    if turn.channel > n_channels:
        return f"a turn on channel {turn.channel}, expected at most {n_channels}"
    return None


def _too_many(n_speakers: int, n_found: int) -> list[dict[str, str]]:
    most = max(MOST_SPEAKERS, n_found)
    message = f"turns of {n_speakers} speakers, expected at most {most}"
    return [{"field": "turns", "message": message}] if n_speakers > most else []


def _one_name_twice(names: set[str]) -> list[dict[str, str]]:
    seen: dict[str, str] = {}
    problems = []
    for name in sorted(names):
        other = seen.setdefault(rttm_name(name), name)
        if other != name:
            message = f"the speakers {other!r} and {name!r} would be one in RTTM, rename one"
            problems.append({"field": "turns", "message": message})
    return problems
