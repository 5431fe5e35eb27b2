"""The same bytes, alone, again and again: the same RTTM, byte by byte."""

from dataclasses import dataclass

from measure.soaking.asking import Asker, audio_request
from measure.soaking.audio import Speech
from measure.soaking.comparing import unanswered
from measure.soaking.files import encoded

MODES = ("full", "classic")


@dataclass(frozen=True)
class RepeatsResult:
    """How many different answers there were."""

    mode: str
    n_runs: int
    n_different: int
    failures: list[str]

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        if self.n_different == 1:
            return self.failures
        told = f"{self.mode}: got {self.n_different} different answers, expected 1"
        return [*self.failures, told]


def run_repeats(asker: Asker, speech: Speech, n_runs: int) -> list[RepeatsResult]:
    """Send the same recording `n_runs` times in every mode."""
    return [_repeated(asker, encoded(speech), mode, n_runs) for mode in MODES]


def _repeated(asker: Asker, file: bytes, mode: str, n_runs: int) -> RepeatsResult:
    outcomes = [asker.ask(audio_request(file, mode=mode)) for _ in range(n_runs)]
    failures = [problem for outcome in outcomes if (problem := unanswered(outcome))]
    texts = {outcome.text for outcome in outcomes}
    return RepeatsResult(mode, n_runs, len(texts), failures)
