"""What has to come back, and whether it did.

Every verdict has a `text` for people, and `problem(outcome, plain)`: what is wrong with an outcome,
in one sentence, or None; `plain` are the turns of the same speech as a plain wav file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from measure.evaluation.rttm_turns import Turn, covered_s, speakers_of
from measure.soaking.asking import REFUSED, Outcome
from measure.soaking.comparing import (
    SAME_TIME_S,
    not_same,
    not_similar,
    not_telling,
    read,
    shown,
    unanswered,
)


class Verdict(Protocol):
    """What is expected of one request."""

    @property
    def text(self) -> str:
        """For people."""

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """What is wrong, or None."""


@dataclass(frozen=True)
class Same:
    """The answer to the plain file, up to 20 ms."""

    text: ClassVar[str] = "the plain file's turns within 20 ms"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        return unanswered(outcome) or not_same(read(outcome), plain)


@dataclass(frozen=True)
class Similar:
    """The answer to the plain file, nearly: the coding or the bandwidth takes something away."""

    text: ClassVar[str] = "the plain file's speakers and nearly its turns"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        return unanswered(outcome) or not_similar(read(outcome), plain)


@dataclass(frozen=True)
class NoTurns:
    """Answered, and nobody speaks."""

    text: ClassVar[str] = "an empty RTTM"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        turns = [] if unanswered(outcome) else read(outcome)
        return unanswered(outcome) or (f"got {len(turns)} turns, expected none" if turns else None)


@dataclass(frozen=True)
class Speakers:
    """Answered with so many speakers; `least` where the number is bounded below only."""

    least: int
    most: int

    @property
    def text(self) -> str:
        """For people."""
        numbers = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return f"turns of {numbers} speaker(s)"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        if problem := unanswered(outcome):
            return problem
        n_speakers = len(speakers_of(read(outcome)))
        right = self.least <= n_speakers <= self.most
        return None if right else f"got {n_speakers} speakers, expected {self.text}"


@dataclass(frozen=True)
class WhatIsThere:
    """Of a damaged file: turns up to the damage, or refused as a bad file."""

    text: ClassVar[str] = "what can be decoded, or refused"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        if outcome.status == REFUSED:
            return not_telling(outcome, ("AUDIO",))
        if problem := unanswered(outcome):
            return problem
        got_s, plain_s = covered_s(read(outcome)), covered_s(plain)
        most_s = plain_s + SAME_TIME_S
        return None if got_s <= most_s else f"got {got_s:.1f} s of speech, expected {plain_s:.1f} s"


@dataclass(frozen=True)
class Refused:
    """INVALID_ARGUMENT, saying what, got, expected; `naming` are words that have to be there."""

    naming: tuple[str, ...]
    within_s: float | None = None

    @property
    def text(self) -> str:
        """For people."""
        return "refused" if self.within_s is None else f"refused within {self.within_s:g} s"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        if outcome.status != REFUSED:
            return f"got {shown(outcome)}, expected {REFUSED}"
        if self.within_s is not None and outcome.latency_s > self.within_s:
            return f"took {outcome.latency_s:.1f} s to be refused, expected {self.within_s:g} s"
        return not_telling(outcome, (*self.naming, "expected"))


@dataclass(frozen=True)
class RefusedByTriton:
    """INVALID_ARGUMENT before `run` is asked, in Triton's own words."""

    text: ClassVar[str] = "refused by Triton itself"

    def problem(self, outcome: Outcome, plain: Sequence[Turn]) -> str | None:
        """As of every verdict."""
        if outcome.status != REFUSED:
            return f"got {shown(outcome)}, expected {REFUSED}"
        return not_telling(outcome, ())
