"""Requests checked one by one: every unusual or invalid one, and the same one again and again."""

from dataclasses import dataclass

from formats.result import Turn
from measure.benchmarking.audio import SAMPLE_RATE_HZ
from measure.soaking.cases import Case
from measure.soaking.files import Speech, encoded
from measure.soaking.judging import not_answered, not_same, summary, turns_of
from measure.soaking.requests import Client, Request, SoakError, file_request

GOOD_S = 5
MODES = ("full", "classic")


def baseline_turns(client: Client, request: Request) -> tuple[Turn, ...]:
    """Turns of a good request that is sent alone; SoakError if it is not answered."""
    outcome = client.infer(request)
    if problem := not_answered(outcome):
        raise SoakError(f"a good recording, sent alone: {problem}")
    return turns_of(outcome)


@dataclass(frozen=True)
class CaseResult:
    """What came back for a case."""

    kind: str
    name: str
    expected: str
    status: str
    got: str  # what came back, for the report
    problems: list[str]  # with it, the good request beside it, or the server afterwards
    latency_s: float


class CaseRunner:
    """Sends cases made of some speech, each together with a good request, its beginning.

    SoakError if the good request is not answered when it is sent alone.
    """

    def __init__(self, client: Client, speech: Speech) -> None:
        self._client, self._speech = client, speech
        beginning = speech[: GOOD_S * SAMPLE_RATE_HZ]
        self._good = file_request(encoded(beginning), recording_id="good")
        self._plain = baseline_turns(client, file_request(encoded(speech)))
        self._good_alone = baseline_turns(client, self._good)

    def run(self, case: Case) -> CaseResult:
        """Send one case and check what came back."""
        outcome, good = self._client.infer_all([case.make(self._speech), self._good])
        problem = case.expected.problem(outcome, self._plain)
        problems = [problem] if problem else []
        if problem := not_answered(good) or not_same(turns_of(good), self._good_alone):
            problems.append(f"the good request beside it: {problem}")
        if not self._client.is_ready():
            problems.append("the server was not ready afterwards")
        return CaseResult(
            case.kind, case.name, case.expected.text, outcome.status, summary(outcome),
            problems, outcome.latency_s,
        )  # fmt: skip


@dataclass(frozen=True)
class RepeatsResult:
    """How many different answers the same recording got."""

    mode: str
    n_runs: int
    n_different: int
    problems: list[str]


def run_repeats(client: Client, speech: Speech, n_runs: int) -> list[RepeatsResult]:
    """Send the same recording `n_runs` times in every mode."""
    results = []
    for mode in MODES:
        request = file_request(encoded(speech), mode=mode)
        outcomes = [client.infer(request) for _ in range(n_runs)]
        problems = [problem for outcome in outcomes if (problem := not_answered(outcome))]
        n_different = len({outcome.text for outcome in outcomes})
        if n_different > 1:
            problems.append(f"{mode}: got {n_different} different answers, expected 1")
        results.append(RepeatsResult(mode, n_runs, n_different, problems))
    return results
