"""The answer of a job on disk, its correction by the user, and the texts made of both."""

import logging
import re
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from console.text import EXPECTED_IN_NAMES, NOT_IN_NAMES
from formats import FORMATS, RTTM
from formats.answer_texts import result_of
from formats.result import Doubt, Result, Turn, seconds
from sending.outcome import Answer
from web.http.problems import MAX_ERRORS, ProblemError

log = logging.getLogger("diarization_web")

MAX_TURNS = 100_000
MAX_SPEAKERS = 1000  # ten times as many as are found in one channel
MAX_S = 1e6  # 11 days
MAX_NAME_CHARACTERS = 100
MANUAL_CONFIDENCE = 1.0  # of a turn that a user has set
_NO_BLANK = re.compile(r"[^\S ]")


class _StoredCorrection(BaseModel):
    turns: tuple[Turn, ...]


class _StoredAnswer(_StoredCorrection):
    rttm: str
    audio_ms: int | None
    mode: str | None
    n_separate: int | None
    doubt: Doubt | None = None  # earlier gateways did not store it


@dataclass(frozen=True)
class StoredResult:
    """The stored answer of a job, and its correction (None: not corrected).

    Every property and method raises ProblemError 409 if they are damaged.
    """

    recording_id: str
    answer: bytes
    correction: bytes | None

    @property
    def original(self) -> Result:
        """The turns that Triton found."""
        stored = self._stored_answer
        return Result(
            self.recording_id,
            stored.turns,
            stored.audio_ms,
            stored.mode,
            stored.n_separate,
            stored.doubt,
        )

    @property
    def current(self) -> Result:
        """The corrected turns if there are some, else the original ones."""
        if self.correction is None:
            return self.original
        try:
            turns = _StoredCorrection.model_validate_json(self.correction).turns
        except ValidationError as error:
            raise self._damaged("correction", "DELETE its turns to go back") from error
        return replace(self.original, turns=turns)

    def text(self, token: str) -> str:
        """Write the current turns in a format; the server's own RTTM stays as it is."""
        if token != RTTM:
            return FORMATS[token].text(self.current)
        if self.correction is None:
            return self._stored_answer.rttm
        return corrected_rttm(self.current)

    @property
    def _stored_answer(self) -> _StoredAnswer:
        try:
            return _StoredAnswer.model_validate_json(self.answer)
        except ValidationError as error:
            raise self._damaged("result", "remove it, and send the recording again") from error

    def _damaged(self, part: str, remedy: str) -> ProblemError:
        log.error("job %s is damaged on disk: its %s", self.recording_id, part)
        return ProblemError(409, f"the job's {part} is damaged on the gateway's disk: {remedy}")


def encode_answer(answer: Answer) -> bytes:
    """Encode an answer for the disk; FormatError if it cannot be read."""
    result = result_of(answer)
    stored = _StoredAnswer(
        rttm=answer.rttm.decode(),
        turns=result.turns,
        audio_ms=result.audio_ms,
        mode=result.mode,
        n_separate=result.n_separate,
        doubt=result.doubt,
    )
    return stored.model_dump_json().encode()


def encode_correction(result: Result) -> bytes:
    """Encode corrected turns for the disk."""
    return _StoredCorrection(turns=result.turns).model_dump_json().encode()


def corrected_rttm(result: Result) -> str:
    """Write corrected turns as RTTM."""
    return "".join(
        f"SPEAKER {result.recording_id} {turn.channel} {seconds(turn.start_ms)} "
        f"{seconds(turn.end_ms - turn.start_ms)} <NA> <NA> {_rttm_name(turn.speaker)} <NA> <NA>\n"
        for turn in result.turns
    )


def _rttm_name(speaker: str) -> str:
    """Replace blanks, which RTTM cannot hold."""
    return "_".join(speaker.split())


def _speaker_name(text: str) -> str:
    """Validate a speaker's name, and strip it."""
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

    start_s: float = Field(ge=0, le=MAX_S, description="Seconds from the recording's start.")
    end_s: float = Field(
        gt=0, le=MAX_S, description="Seconds from the recording's start, after `start_s`."
    )
    speaker: Annotated[str, AfterValidator(_speaker_name)] = Field(
        min_length=1,
        max_length=MAX_NAME_CHARACTERS,
        description="A name; it may contain blanks, but neither other white space nor control "
        "characters, direction marks (such as U+202E) and zero-width spaces.",
    )
    confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="As in the result, for an unchanged turn; without it the turn counts as set "
        "by a user, which is 1.",
    )
    channel: int = Field(
        default=1, ge=1, description="As in the result, if its channels are separate."
    )

    def turn(self) -> Turn:
        """Round it to milliseconds."""
        confidence = MANUAL_CONFIDENCE if self.confidence is None else self.confidence
        times = round(self.start_s * 1000), round(self.end_s * 1000)
        return Turn(*times, self.speaker, confidence, self.channel)


class Correction(BaseModel):
    """All turns of a recording, in any order; they replace the previous ones."""

    model_config = ConfigDict(extra="forbid")

    turns: list[CorrectedTurn] = Field(
        max_length=MAX_TURNS,
        description=f"Of at most {MAX_SPEAKERS} speakers, or as many as were found.",
    )


def apply_correction(original: Result, correction: Correction) -> Result:
    """Replace the original turns by corrected ones, in order of start.

    Raises
    ------
    ProblemError
        422 if a turn ends before it starts or after the audio, or its channel does not exist,
        there are too many speakers, or two names are the same in RTTM.
    """
    turns = [turn.turn() for turn in correction.turns]
    n_channels = original.n_separate or 1
    end_ms = max(original.audio_ms or 0, *(turn.end_ms for turn in original.turns), 0)
    problems = [
        {"field": f"turns.{number}", "message": message}
        for number, turn in enumerate(turns)
        if (message := _problem(turn, end_ms, n_channels))
    ]
    names = {turn.speaker for turn in turns}
    problems += [
        {"field": "turns", "message": message}
        for message in _problems_of_names(names, max(MAX_SPEAKERS, len(original.speakers)))
    ]
    if problems:
        raise ProblemError(422, problems[0]["message"], errors=problems[:MAX_ERRORS])
    turns.sort(key=lambda turn: (turn.start_ms, turn.end_ms, turn.channel, turn.speaker))
    return replace(original, turns=tuple(turns))


def _problem(turn: Turn, audio_ms: int, n_channels: int) -> str | None:
    if turn.end_ms <= turn.start_ms:
        return f"a turn from {turn.start_ms} to {turn.end_ms} ms, expected one of 1 ms or more"
    if turn.end_ms > audio_ms:
        return f"a turn ends at {turn.end_ms} ms, expected at most the audio's {audio_ms} ms"
    if turn.channel > n_channels:
        return f"a turn on channel {turn.channel}, expected at most {n_channels}"
    return None


def _problems_of_names(names: set[str], max_speakers: int) -> list[str]:
    problems = []
    if len(names) > max_speakers:
        problems.append(f"turns of {len(names)} speakers, expected at most {max_speakers}")
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(_rttm_name(name), name)
        if other != name:
            problems.append(f"the speakers {other!r} and {name!r} would be one in RTTM, rename one")
    return problems
