"""What is kept of an answer and of its correction, and the texts that are made of them."""

import logging
from dataclasses import dataclass, replace

from pydantic import BaseModel, ValidationError

from formats import FORMATS, RTTM
from formats.answer_texts import result_of
from formats.result import Doubt, Result, Turn, seconds
from sending.outcome import Answer
from web.problems import ProblemError

log = logging.getLogger("diarization_web")


class _Correction(BaseModel):
    turns: tuple[Turn, ...]


class _Answer(_Correction):
    rttm: str
    audio_ms: int | None
    mode: str | None
    n_separate: int | None
    doubt: Doubt | None = None  # not kept by earlier gateways


@dataclass(frozen=True)
class Kept:
    """The answer of a job, and what a person made of it (None: nothing yet), as they are kept.

    All else may raise ProblemError 409, where they are damaged.
    """

    recording_id: str
    answer: bytes
    correction: bytes | None

    @property
    def original(self) -> Result:
        """The turns that Triton found."""
        kept = self._answer
        return Result(
            self.recording_id,
            kept.turns,
            kept.audio_ms,
            kept.mode,
            kept.n_separate,
            kept.doubt,
        )

    @property
    def result(self) -> Result:
        """The turns that hold: the corrected ones, where there are some."""
        if self.correction is None:
            return self.original
        try:
            turns = _Correction.model_validate_json(self.correction).turns
        except ValidationError as error:
            raise self._damaged("correction", "DELETE its turns to go back") from error
        return replace(self.original, turns=turns)

    def text(self, token: str) -> str:
        """Write them in a format; the server's own RTTM is kept as it is."""
        if token != RTTM:
            return FORMATS[token].text(self.result)
        return self._answer.rttm if self.correction is None else rttm(self.result)

    @property
    def _answer(self) -> _Answer:
        try:
            return _Answer.model_validate_json(self.answer)
        except ValidationError as error:
            raise self._damaged("result", "remove it, and send the recording again") from error

    def _damaged(self, part: str, way_out: str) -> ProblemError:
        log.error("what is kept of job %s is damaged: its %s", self.recording_id, part)
        return ProblemError(409, f"the job's {part} is damaged on the gateway's disk: {way_out}")


def kept_answer(answer: Answer) -> bytes:
    """What of an answer is kept; FormatError where it cannot be read."""
    result = result_of(answer)
    kept = _Answer(
        rttm=answer.rttm.decode(),
        turns=result.turns,
        audio_ms=result.audio_ms,
        mode=result.mode,
        n_separate=result.n_separate,
        doubt=result.doubt,
    )
    return kept.model_dump_json().encode()


def kept_correction(result: Result) -> bytes:
    """What of corrected turns is kept."""
    return _Correction(turns=result.turns).model_dump_json().encode()


def rttm(result: Result) -> str:
    """Write corrected turns as RTTM; white space in a name, which RTTM cannot hold, becomes `_`."""
    return "".join(
        f"SPEAKER {result.recording_id} {turn.channel} {seconds(turn.start_ms)} "
        f"{seconds(turn.end_ms - turn.start_ms)} <NA> <NA> {rttm_name(turn.speaker)} <NA> <NA>\n"
        for turn in result.turns
    )


def rttm_name(speaker: str) -> str:
    """Name a speaker as RTTM can."""
    return "_".join(speaker.split())
