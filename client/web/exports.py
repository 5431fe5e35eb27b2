"""What is kept of an answer and of its correction, and the texts that are made of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from answer_texts import result_of
from formats import FORMATS, RTTM
from formats.result import Result, Turn, seconds
from outcome import Answer


@dataclass(frozen=True)
class Kept:
    """The answer of a job, and what a person made of it (None: nothing yet)."""

    recording_id: str
    answer: Mapping[str, Any]
    correction: Mapping[str, Any] | None

    @property
    def original(self) -> Result:
        """The turns that Triton found."""
        return _result(self.recording_id, self.answer)

    @property
    def result(self) -> Result:
        """The turns that hold: the corrected ones, where there are some."""
        if self.correction is None:
            return self.original
        turns = tuple(Turn(**turn) for turn in self.correction["turns"])
        return replace(self.original, turns=turns)

    def text(self, token: str) -> str:
        """Write them in a format; the server's own RTTM is kept as it is."""
        if token != RTTM:
            return FORMATS[token].text(self.result)
        return str(self.answer["rttm"]) if self.correction is None else rttm(self.result)


def kept_answer(answer: Answer) -> dict[str, Any]:
    """What of an answer is kept, as JSON can hold it; FormatError where it cannot be read."""
    result = result_of(answer)
    return {
        "rttm": answer.rttm.decode(),
        "turns": [asdict(turn) for turn in result.turns],
        "audio_ms": result.audio_ms,
        "mode": result.mode,
        "n_separate": result.n_separate,
    }


def kept_correction(result: Result) -> dict[str, Any]:
    """What of corrected turns is kept, as JSON can hold it."""
    return {"turns": [asdict(turn) for turn in result.turns]}


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


def _result(recording_id: str, kept: Mapping[str, Any]) -> Result:
    turns = tuple(Turn(**turn) for turn in kept["turns"])
    return Result(recording_id, turns, kept["audio_ms"], kept["mode"], kept["n_separate"])
