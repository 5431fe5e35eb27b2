"""All that a benchmark found, and the JSON document of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from measure.benchmarking.clients import ClientsResult
from measure.benchmarking.runs import LengthResult
from measure.benchmarking.trade import TradePoint

FORMAT = "diarization-benchmark-1"
_DECIMALS = 4


@dataclass(frozen=True)
class Benchmark:
    """A whole run.

    Parameters
    ----------
    ready_s : float
        Seconds from the start of the server until all models were ready.
    idle_bytes : int
        PSS of all its processes then.
    lengths : Sequence[LengthResult]
        By length, then by subject.
    clients : Sequence[ClientsResult]
        By number of clients, then by mode.
    trade : Sequence[TradePoint]
        Of the evaluations that were given.
    """

    ready_s: float
    idle_bytes: int
    lengths: Sequence[LengthResult]
    clients: Sequence[ClientsResult]
    trade: Sequence[TradePoint]

    @property
    def ours(self) -> list[LengthResult]:
        """Results of the service."""
        return [each for each in self.lengths if not each.is_peer]

    @property
    def peers(self) -> list[LengthResult]:
        """Results of other programs."""
        return [each for each in self.lengths if each.is_peer]

    @property
    def failures(self) -> list[str]:
        """One sentence for every run, and every kind of clients' request, that got no answer."""
        of_lengths = [
            f"{each.subject}, {each.audio_s:g} s of audio: {run.failure}"
            for each in self.lengths
            for run in each.runs
            if run.failure is not None
        ]
        of_clients = [
            f"{each.mode}, {each.n_clients} client(s): {reason} ({n} times)"
            for each in self.clients
            for reason, n in Counter(each.failures).items()
        ]
        return of_lengths + of_clients


def report_of(
    benchmark: Benchmark, options: Mapping[str, Any], origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Put a run into a JSON document, with the command line and `provenance`."""
    found: dict[str, Any] = rounded(asdict(benchmark))
    return {"format": FORMAT, **origin, "options": dict(options), **found}


def rounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The same with every float in it, at any depth, rounded to four decimals."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
