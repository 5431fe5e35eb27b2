"""Minutes of a crowd: every outcome as alone, none lost; how long it took, and memory over it."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from measure.benchmarking.spread import percentile
from measure.soaking.asking import Asker
from measure.soaking.crowd import Ledger, let_loose
from measure.soaking.mix import GOOD, LONG, Mix, Planned
from measure.soaking.watching import MemoryCurve, MemorySample, ended

PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class LoadResult:
    """What came of it.

    Parameters
    ----------
    n_good : int
        How many different good requests there were.
    wall_s : float
        Until the last outcome.
    counts : Mapping[str, Mapping[str, int]]
        Outcomes by kind of request and status.
    wrong, lost : Sequence[str]
        One sentence each.
    server : Sequence[str]
        What the server lost meanwhile.
    latency_s : Mapping[str, Mapping[str, float]]
        Percentiles, p50 and so on, by kind of request.
    memory : Sequence[MemorySample]
        Over the time.
    """

    n_clients: int
    n_good: int
    wall_s: float
    n_sent: int
    counts: Mapping[str, Mapping[str, int]]
    wrong: Sequence[str]
    lost: Sequence[str]
    server: Sequence[str]
    latency_s: Mapping[str, Mapping[str, float]]
    memory: Sequence[MemorySample]

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        return [*self.wrong, *self.lost, *self.server]


def run_load(
    url: str, n_clients: int, following: Callable[[], Planned | None], pids: AbstractSet[int]
) -> LoadResult:
    """Let clients loose on the server at `url`, whose processes are `pids`."""
    with contextlib.ExitStack() as stack:
        askers = [stack.enter_context(Asker(url)) for _ in range(n_clients)]
        started_s = time.monotonic()
        with MemoryCurve(pids) as curve:
            ledger = let_loose(askers, following)
        wall_s = time.monotonic() - started_s
        gone = [] if askers[0].ready() else ["the server was not ready afterwards"]
    return LoadResult(
        n_clients, ledger.n_different(GOOD), wall_s, len(ledger.entries), ledger.counts(),
        ledger.wrong, ledger.lost, [*ended(pids), *gone], _percentiles(ledger), curve.samples,
    )  # fmt: skip


def for_seconds(mix: Mix, duration_s: float) -> Callable[[], Planned | None]:
    """Requests until the time is over."""
    until_s = time.monotonic() + duration_s
    return lambda: mix.draw() if time.monotonic() < until_s else None


def so_many(mix: Mix, n_requests: int) -> Callable[[], Planned | None]:
    """A number of requests."""
    left = iter(range(n_requests))  # one step of it is one step for all threads
    return lambda: None if next(left, None) is None else mix.draw()


def _percentiles(ledger: Ledger) -> dict[str, dict[str, float]]:
    latencies_s = {kind: ledger.latencies_s(kind) for kind in (GOOD, LONG)}
    return {
        kind: {f"p{percent}": percentile(values, percent) for percent in PERCENTS}
        for kind, values in latencies_s.items()
        if values
    }
