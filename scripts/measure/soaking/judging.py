"""Whether an outcome is right: alone, and compared with another one.

A function returns what is wrong in one sentence, or None.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from formats.result import FormatError, Turn
from formats.rttm import rttm_text, turns_in_rttm
from measure.soaking.requests import OK, REFUSED, Outcome

SAME_MS = 20
MAX_DIFFERENCE = 0.15  # share of the speech in which the speakers may differ
STEP_MS = 10
SHOWN_CHARS = 200
_NAME = re.compile(r"(?:CH(\d+)_)?SPEAKER_\d+")
_INTERNALS = re.compile(r'Traceback|File "|\.py\b|/model_repo|site-packages')

Turns = Sequence[Turn]


@dataclass(frozen=True)
class Expected:
    """What has to come back for a request."""

    text: str  # named in the report
    problem: Callable[[Outcome, Turns], str | None]  # given the plain file's turns


def turns_of(outcome: Outcome) -> tuple[Turn, ...]:
    """Read the turns of an answer."""
    return turns_in_rttm(outcome.text)


def speakers_of(turns: Turns) -> set[str]:
    """Names of the speakers."""
    return {turn.speaker for turn in turns}


def not_answered(outcome: Outcome) -> str | None:
    """Expect an answer whose RTTM can be read and written back."""
    if outcome.status != OK:
        return f"got {summary(outcome)}, expected an answer"
    try:
        written = "".join(_rttm_line(turn, outcome.recording_id) for turn in turns_of(outcome))
    except FormatError as error:
        return f"the RTTM cannot be read: {error}"
    if written != outcome.text:
        return f"the RTTM does not read back: {outcome.text[:SHOWN_CHARS]!r}"
    return None


def _rttm_line(turn: Turn, recording_id: str) -> str:
    """Write a turn as the service does; a speaker named by channel is on that channel."""
    name = _NAME.fullmatch(turn.speaker)
    if name is None:
        raise FormatError(f"unexpected speaker {turn.speaker!r}")
    return rttm_text(recording_id, [replace(turn, channel=int(name[1] or 1))])


def not_same(turns: Turns, expected: Turns) -> str | None:
    """Expect the same speakers, and boundaries within 20 ms."""
    if [turn.speaker for turn in turns] != [turn.speaker for turn in expected]:
        return f"got {_listed(turns)}, expected {_listed(expected)}"
    pairs = zip(turns, expected, strict=True)
    moved = [max(abs(a.start_ms - b.start_ms), abs(a.end_ms - b.end_ms)) for a, b in pairs]
    if max(moved, default=0) <= SAME_MS:
        return None
    return f"boundaries differ by {max(moved)} ms, expected at most {SAME_MS}"


def not_similar(turns: Turns, expected: Turns) -> str | None:
    """Expect as many speakers, and nearly the same speech of each."""
    if problem := _not_between(turns, *[len(speakers_of(expected))] * 2):
        return problem
    share = difference(turns, expected)
    if share <= MAX_DIFFERENCE:
        return None
    return f"{100 * share:.0f} % of the speech differ, expected at most {100 * MAX_DIFFERENCE:.0f}"


def _not_between(turns: Turns, least: int, most: int) -> str | None:
    n_speakers = len(speakers_of(turns))
    if least <= n_speakers <= most:
        return None
    return f"got {n_speakers} speakers, expected {_numbers(least, most)}"


def _numbers(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def difference(turns: Turns, expected: Turns) -> float:
    """Share of the speech in which the speakers differ, 0 to 1."""
    ours, theirs = _steps(turns), _steps(expected)
    return len(ours ^ theirs) / max(len(ours | theirs), 1)


def unlike(outcome: Outcome, baseline: Outcome) -> str | None:
    """Expect the status and the text, or the turns, of the same request sent alone."""
    if outcome.status != baseline.status:
        return f"got {summary(outcome)}, expected {summary(baseline)}"
    if baseline.status != OK:
        same = outcome.text == baseline.text
        return None if same else f"got {outcome.text}, expected {baseline.text}"
    return not_answered(outcome) or not_same(turns_of(outcome), turns_of(baseline))


def _steps(turns: Turns) -> set[tuple[int, str]]:
    return {
        (step, turn.speaker)
        for turn in turns
        for step in range(round(turn.start_ms / STEP_MS), round(turn.end_ms / STEP_MS))
    }


def summary(outcome: Outcome) -> str:
    """What came back, in short."""
    if outcome.status != OK:
        return f"{outcome.status}: {outcome.text[:SHOWN_CHARS]}"
    try:
        turns = turns_of(outcome)
    except FormatError:
        return f"an unreadable RTTM: {outcome.text[:SHOWN_CHARS]!r}"
    return f"{len(speakers_of(turns))} speaker(s), {len(turns)} turn(s)"


def _listed(turns: Turns) -> str:
    shown = [f"{t.start_ms / 1000:.2f}-{t.end_ms / 1000:.2f}:{t.speaker[-2:]}" for t in turns]
    return " ".join(shown) or "no turns"


def answered(text: str, problem: Callable[[Turns, Turns], str | None]) -> Expected:
    """An answer whose turns are checked against those of the plain file."""
    return Expected(
        text, lambda outcome, plain: not_answered(outcome) or problem(turns_of(outcome), plain)
    )


def speakers(least: int, most: int) -> Expected:
    """An answer with a number of speakers."""
    return answered(
        f"turns of {_numbers(least, most)} speaker(s)",
        lambda turns, _plain: _not_between(turns, least, most),
    )


def refused(*words: str, within_s: float | None = None) -> Expected:
    """INVALID_ARGUMENT with a text that has these words and what was expected."""
    text = "refused" if within_s is None else f"refused within {within_s:g} s"
    return Expected(text, lambda outcome, _: _not_refused(outcome, [*words, "expected"], within_s))


def _not_refused(
    outcome: Outcome, words: Sequence[str], within_s: float | None = None
) -> str | None:
    """Expect a refusal whose text has these words and shows none of the server's internals."""
    start = outcome.text[:SHOWN_CHARS]
    if outcome.status != REFUSED:
        return f"got {summary(outcome)}, expected {REFUSED}"
    if within_s is not None and outcome.latency_s > within_s:
        return f"took {outcome.latency_s:.1f} s to be refused, expected {within_s:g} s"
    if lacking := [word for word in words if word not in outcome.text]:
        return f"the text lacks {', '.join(map(repr, lacking))}: {start}"
    if found := _INTERNALS.search(outcome.text):
        return f"the text shows the server's internals, {found.group()!r}: {start}"
    return None if outcome.text else "there is no text"


def _not_partial(outcome: Outcome, plain: Turns) -> str | None:
    """Expect at most as much speech as in the whole file, or a refusal as a bad file."""
    if outcome.status == REFUSED:
        return _not_refused(outcome, ["AUDIO"])
    if problem := not_answered(outcome):
        return problem
    got_s, plain_s = _speech_s(turns_of(outcome)), _speech_s(plain)
    most_s = plain_s + SAME_MS / 1000
    return None if got_s <= most_s else f"got {got_s:.1f} s of speech, expected {plain_s:.1f} s"


def _speech_s(turns: Turns) -> float:
    return len({step for step, _ in _steps(turns)}) * STEP_MS / 1000


SAME = answered("the plain file's turns within 20 ms", not_same)
SIMILAR = answered("the plain file's speakers and nearly its turns", not_similar)
NO_TURNS = answered(
    "an empty RTTM",
    lambda turns, _plain: f"got {len(turns)} turns, expected none" if turns else None,
)
PARTIAL = Expected("what can be decoded, or refused", _not_partial)
REFUSED_BY_TRITON = Expected(
    "refused by Triton itself", lambda outcome, _plain: _not_refused(outcome, [])
)
