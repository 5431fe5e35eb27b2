"""All that a soak found, and the JSON document of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from measure.benchmarking.results import rounded
from measure.soaking.attacks import AttacksResult
from measure.soaking.faults import FaultsResult
from measure.soaking.growth import GrowthResult
from measure.soaking.inputs import CaseResult
from measure.soaking.load import LoadResult
from measure.soaking.repeats import RepeatsResult

FORMAT = "diarization-soak-1"


@dataclass
class Soak:
    """A whole run; None stands for a phase that was not asked for."""

    inputs: Sequence[CaseResult] | None = None
    repeats: Sequence[RepeatsResult] | None = None
    growth: GrowthResult | None = None
    load: LoadResult | None = None
    faults: FaultsResult | None = None
    attacks: AttacksResult | None = None

    @property
    def problems(self) -> list[str]:
        """One sentence for all that was wrong or lost, the phase before it."""
        found = {
            "inputs": [
                f"{each.kind}, {each.name}: {problem}"
                for each in self.inputs or ()
                for problem in each.problems
            ],
            "repeats": [problem for each in self.repeats or () for problem in each.problems],
            "growth": self.growth.problems if self.growth else (),
            "load": self.load.problems if self.load else (),
            "faults": self.faults.problems if self.faults else (),
            "attacks": self.attacks.problems if self.attacks else (),
        }
        return [f"{phase}: {problem}" for phase, of_phase in found.items() for problem in of_phase]


def report_of(soak: Soak, options: Mapping[str, Any], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Put a run into a JSON document, with the command line and `origin`."""
    found = rounded(asdict(soak))
    return {"format": FORMAT, **origin, "options": dict(options), "problems": soak.problems,
            **found}  # fmt: skip
