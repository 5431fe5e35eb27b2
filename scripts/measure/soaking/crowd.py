"""Many clients at once, and a ledger of what each request got: one outcome, no more and no less."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from measure.soaking.asking import OK, TIMEOUT_S, Asker, Outcome
from measure.soaking.mix import Planned

GRACE_S = 30.0  # beyond gRPC's own deadline; what has not come by then is lost


@dataclass
class Entry:
    """A request that was sent, and every outcome that came of it."""

    planned: Planned
    outcomes: list[Outcome] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def take(self, outcome: Outcome) -> None:
        """Note an outcome."""
        self.outcomes.append(outcome)
        self.arrived.set()

    def problem(self) -> str | None:
        """What is wrong with its one outcome; None where there is not exactly one."""
        return self.planned.problem(self.outcomes[0]) if len(self.outcomes) == 1 else None


@dataclass(frozen=True)
class Ledger:
    """All requests of a crowd."""

    entries: Sequence[Entry]

    @property
    def wrong(self) -> list[str]:
        """One sentence for every outcome that is not as alone."""
        return [
            f"{entry.planned.kind}, {entry.planned.known.name}: {problem}"
            for entry in self.entries
            if (problem := entry.problem()) is not None
        ]

    @property
    def lost(self) -> list[str]:
        """One sentence for every request without exactly one outcome."""
        return [
            f"{entry.planned.kind}, {entry.planned.known.name}: {len(entry.outcomes)} outcomes"
            for entry in self.entries
            if len(entry.outcomes) != 1
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of outcomes by kind of request and status."""
        found: dict[str, Counter[str]] = {}
        for entry in self.entries:
            of_kind = found.setdefault(entry.planned.kind, Counter())
            of_kind.update(outcome.status for outcome in entry.outcomes)
        return {kind: dict(found[kind]) for kind in sorted(found)}

    def n_different(self, kind: str) -> int:
        """How many different requests of a kind were sent."""
        names = {entry.planned.known.name for entry in self.entries if entry.planned.kind == kind}
        return len(names)

    def latencies_s(self, kind: str) -> list[float]:
        """Of the requests of a kind that were answered."""
        return [
            outcome.latency_s
            for entry in self.entries
            for outcome in entry.outcomes
            if entry.planned.kind == kind and outcome.status == OK
        ]


def let_loose(askers: Sequence[Asker], following: Callable[[], Planned | None]) -> Ledger:
    """Let every client send a request as soon as it has an outcome, until there is no following.

    Parameters
    ----------
    askers : Sequence[Asker]
        A connection for each client.
    following : Callable[[], Planned | None]
        The next request, for whichever client is free; called from several threads.
    """
    entries: list[Entry] = []
    threads = [
        threading.Thread(target=_work, args=(asker, following, entries), daemon=True)
        for asker in askers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Ledger(entries)


def _work(asker: Asker, following: Callable[[], Planned | None], entries: list[Entry]) -> None:
    while (planned := following()) is not None:
        entry = Entry(planned)
        entries.append(entry)  # one step: no other thread sees half of it
        call = asker.send(planned.known.request, entry.take)
        if planned.patience_s is not None and not entry.arrived.wait(planned.patience_s):
            call.cancel()
        entry.arrived.wait(TIMEOUT_S + GRACE_S)
