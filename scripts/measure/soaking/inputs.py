"""Every odd or bad request, sent together with a good one that has to be answered as alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from diarization.arrays import samples_of
from measure.soaking.alone import turns_alone
from measure.soaking.asking import Asker, Outcome, Request, audio_request
from measure.soaking.audio import Speech
from measure.soaking.case import Case
from measure.soaking.comparing import not_same, read, shown, unanswered
from measure.soaking.files import encoded

GOOD_ID = "good"
GOOD_S = 5.0


@dataclass(frozen=True)
class CaseResult:
    """What came of a case.

    Parameters
    ----------
    got : str
        What came back, for people.
    problems : list[str]
        What is wrong with it, with the good request beside it, or with the server afterwards.
    latency_s : float
        Of the odd request.
    """

    kind: str
    name: str
    expected: str
    status: str
    got: str
    problems: list[str]
    latency_s: float


class Together:
    """Sends cases beside a good request.

    Parameters
    ----------
    asker : Asker
        The connection.
    speech : Speech
        What the cases are made of, (n,) samples; the good request is its beginning.

    Raises
    ------
    SoakError
        If a good request is not answered when it is alone.
    """

    def __init__(self, asker: Asker, speech: Speech) -> None:
        self._asker, self._speech = asker, speech
        beginning = speech[: samples_of(GOOD_S)]
        self._good = audio_request(encoded(beginning), recording_id=GOOD_ID)
        self._plain = turns_alone(asker, audio_request(encoded(speech)))
        self._good_alone = turns_alone(asker, self._good)

    def result(self, case: Case) -> CaseResult:
        """Send one case."""
        odd, good = self._asker.together([self._request(case), self._good])
        problems = [
            case.expected.problem(odd, self._plain),
            _named("the good request beside it", self._not_as_alone(good)),
            None if self._asker.ready() else "the server was not ready afterwards",
        ]  # fmt: skip
        return CaseResult(
            case.kind, case.name, case.expected.text, odd.status, shown(odd),
            [problem for problem in problems if problem], odd.latency_s,
        )  # fmt: skip

    def _not_as_alone(self, good: Outcome) -> str | None:
        return unanswered(good) or not_same(read(good), self._good_alone)

    def _request(self, case: Case) -> Request:
        return case.make(self._speech)


def run_cases(
    together: Together, cases: Iterable[Case], tell: Callable[[str], None]
) -> list[CaseResult]:
    """Send all cases, one after another; `tell` gets what is wrong as soon as it is known."""
    results = []
    for case in cases:
        results.append(together.result(case))
        for problem in results[-1].problems:
            tell(f"{case.kind}, {case.name}: {problem}")
    return results


def _named(subject: str, problem: str | None) -> str | None:
    return problem and f"{subject}: {problem}"
