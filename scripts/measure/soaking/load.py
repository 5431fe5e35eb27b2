"""Many clients at once: every outcome as alone, exactly one each; and the server's memory."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil

from measure.benchmarking.audio import SAMPLE_RATE_HZ
from measure.benchmarking.memory import pss_bytes
from measure.soaking.cases import ANSWERED, REFUSED
from measure.soaking.files import Speech, encoded
from measure.soaking.judging import unlike
from measure.soaking.requests import (
    CANCELLED,
    OK,
    TIMEOUT_S,
    Client,
    Outcome,
    Request,
    file_request,
)

GOOD, LONG, BAD, CANCEL = "good", "long", "bad", "cancelled"
SHARES = {GOOD: 0.65, LONG: 0.05, BAD: 0.2, CANCEL: 0.1}
LONG_S, LARGEST_S = 60, 300
MAX_PATIENCE_S = 3.0  # before a client cancels
GRACE_S = 30.0  # beyond gRPC's own deadline; an outcome that has not come by then is lost
N_GROWTH_CLIENTS = 4  # as many requests as the service works on at once
MAX_GROWTH = 0.15  # of the PSS after the largest request
MAX_SHARED_GROWTH_BYTES = 64_000_000
PERCENTS = (50, 95, 99)
SHARED_MEMORY = "/dev/shm/"
SAMPLE_EVERY_S = 5.0
BLOCK_BYTES = 512  # of st_blocks


@dataclass(frozen=True)
class Planned:
    """A request that a client is to send."""

    kind: str  # one of `SHARES`
    name: str
    request: Request
    baseline: Outcome  # when it was sent alone
    patience_s: float | None = None  # when the client cancels, if it does

    def problem(self, outcome: Outcome) -> str | None:
        """How an outcome differs from the baseline; a cancelled request may have none."""
        if self.kind == CANCEL and outcome.status == CANCELLED:
            return None
        return unlike(outcome, self.baseline)


NextRequest = Callable[[], Planned | None]
"""The next request for any client, None at the end; called from several threads."""


class Mix:
    """Draws requests at random.

    Parameters
    ----------
    client
        Sends every request once, alone, at the start.
    speech, whole
        The excerpt that the cases are made of, and the recording that long requests are made of.
    seed
        The same seed draws the same requests in the same order.
    n_good
        Number of different good requests; all by default.
    """

    def __init__(
        self, client: Client, speech: Speech, whole: Speech, seed: int, n_good: int | None = None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        chosen = [ANSWERED[each] for each in sorted(self._rng.permutation(len(ANSWERED))[:n_good])]
        long = file_request(repeated_flac(whole, LONG_S))

        def plan(kind: str, requests: Iterable[tuple[str, Request]]) -> list[Planned]:
            return [Planned(kind, name, each, client.infer(each)) for name, each in requests]

        good = plan(GOOD, ((case.name, case.make(speech)) for case in chosen))
        refused = [each for each in good if each.baseline.status != OK]  # such as half a file
        self.by_kind = {
            GOOD: [each for each in good if each.baseline.status == OK],
            LONG: plan(LONG, [(f"{LONG_S} s", long)]),
            BAD: plan(BAD, ((case.name, case.make(speech)) for case in REFUSED)),
        }
        self.by_kind[BAD] += [replace(each, kind=BAD) for each in refused]
        to_cancel = [*self.by_kind[LONG], *self.by_kind[GOOD]]
        self.by_kind[CANCEL] = [replace(each, kind=CANCEL) for each in to_cancel]

    def draw(self) -> Planned:
        """Draw the next request."""
        with self._lock:
            kind = str(self._rng.choice(list(SHARES), p=list(SHARES.values())))
            planned = self.by_kind[kind][int(self._rng.integers(len(self.by_kind[kind])))]
            patience_s = self._rng.uniform(0, MAX_PATIENCE_S)
        return replace(planned, patience_s=patience_s) if kind == CANCEL else planned

    def for_seconds(self, duration_s: float) -> NextRequest:
        """Requests for some time from now on."""
        until_s = time.monotonic() + duration_s
        return lambda: self.draw() if time.monotonic() < until_s else None

    def for_count(self, n_requests: int) -> NextRequest:
        """A number of requests."""
        left = iter(range(n_requests))  # `next` is atomic
        return lambda: None if next(left, None) is None else self.draw()


def repeated_flac(speech: Speech, length_s: int) -> bytes:
    """Repeat speech up to a length."""
    return encoded(np.resize(speech, length_s * SAMPLE_RATE_HZ), kind="FLAC")


@dataclass
class Sent:
    """A request that was sent, and every outcome that came back for it."""

    planned: Planned
    outcomes: list[Outcome] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def add(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self.outcomes.append(outcome)
        self.arrived.set()

    def __str__(self) -> str:
        return f"{self.planned.kind}, {self.planned.name}"


@dataclass(frozen=True)
class Ledger:
    """All requests of some clients."""

    sent: Sequence[Sent]

    @property
    def wrong(self) -> list[str]:
        """One sentence for every outcome that is not as alone."""
        return [
            f"{each}: {problem}"
            for each in self.sent
            if len(each.outcomes) == 1
            and (problem := each.planned.problem(each.outcomes[0])) is not None
        ]

    @property
    def lost(self) -> list[str]:
        """One sentence for every request without exactly one outcome."""
        return [
            f"{each}: {len(each.outcomes)} outcomes"
            for each in self.sent
            if len(each.outcomes) != 1
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of outcomes by kind of request and status."""
        counts: dict[str, Counter[str]] = {}
        for each in self.sent:
            of_kind = counts.setdefault(each.planned.kind, Counter())
            of_kind.update(outcome.status for outcome in each.outcomes)
        return {kind: dict(counts[kind]) for kind in sorted(counts)}

    def latencies_s(self, kind: str) -> list[float]:
        """Latencies of the requests of a kind that were answered."""
        return [
            outcome.latency_s
            for each in self.sent
            for outcome in each.outcomes
            if each.planned.kind == kind and outcome.status == OK
        ]


def run_clients(clients: Sequence[Client], next_request: NextRequest) -> Ledger:
    """Let every client send a request as soon as it has an outcome, until there is no next one."""
    sent: list[Sent] = []
    threads = [
        threading.Thread(target=_send_until_end, args=(client, next_request, sent), daemon=True)
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Ledger(sent)


def _send_until_end(client: Client, next_request: NextRequest, sent: list[Sent]) -> None:
    while (planned := next_request()) is not None:
        entry = Sent(planned)
        sent.append(entry)  # atomic
        call = client.start(planned.request, entry.add)
        if planned.patience_s is not None and not entry.arrived.wait(planned.patience_s):
            call.cancel()
        entry.arrived.wait(TIMEOUT_S + GRACE_S)


@dataclass(frozen=True)
class MemorySample:
    """Memory of all processes of the server."""

    at_s: float  # since the first sample
    pss_bytes: int  # proportional set size; shared pages count once
    shared_bytes: int  # the files in /dev/shm among it

    @classmethod
    def of(cls, pids: AbstractSet[int], at_s: float = 0.0) -> "MemorySample":
        """Measure now."""
        return cls(at_s, pss_bytes(pids), shared_memory_bytes(pids))


def shared_memory_bytes(pids: AbstractSet[int]) -> int:
    """Allocated size of the files in /dev/shm that the processes have mapped, each once."""
    paths: set[str] = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            paths |= {region.path for region in psutil.Process(pid).memory_maps()}
    total = 0
    for path in paths:
        if path.startswith(SHARED_MEMORY):
            with contextlib.suppress(OSError):
                total += Path(path).stat().st_blocks * BLOCK_BYTES
    return total


@contextlib.contextmanager
def memory_curve(
    pids: AbstractSet[int], every_s: float = SAMPLE_EVERY_S
) -> Iterator[list[MemorySample]]:
    """Sample the memory of processes every few seconds while the block runs."""
    samples: list[MemorySample] = []
    started_s, over = time.monotonic(), threading.Event()

    def sample() -> None:
        samples.append(MemorySample.of(pids, time.monotonic() - started_s))

    def sample_until_over() -> None:
        while not over.wait(every_s):
            sample()

    thread = threading.Thread(target=sample_until_over, daemon=True)
    sample()
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
        sample()


@dataclass(frozen=True)
class LoadResult:
    """What came back under load."""

    n_clients: int
    n_good: int  # number of different good requests
    wall_s: float  # until the last outcome
    n_sent: int
    counts: Mapping[str, Mapping[str, int]]  # outcomes by kind of request and status
    wrong: Sequence[str]
    lost: Sequence[str]
    server: Sequence[str]  # what the server lost meanwhile
    latency_s: Mapping[str, Mapping[str, float]]  # percentiles, p50 and so on, by kind of request
    memory: Sequence[MemorySample]  # over the time

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        return [*self.wrong, *self.lost, *self.server]


def run_load(
    url: str, n_clients: int, next_request: NextRequest, pids: AbstractSet[int]
) -> LoadResult:
    """Put load on the server at `url`, whose processes are `pids`."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(url)) for _ in range(n_clients)]
        started_s = time.monotonic()
        with memory_curve(pids) as memory:
            ledger = run_clients(clients, next_request)
        wall_s = time.monotonic() - started_s
        server = [] if clients[0].is_ready() else ["the server was not ready afterwards"]
    if n_ended := sum(not is_running(pid) for pid in pids):
        server.append(f"{n_ended} process(es) of the server ended")
    latencies_s = {kind: ledger.latencies_s(kind) for kind in (GOOD, LONG)}
    percentiles = {
        kind: {f"p{percent}": float(np.percentile(values, percent)) for percent in PERCENTS}
        for kind, values in latencies_s.items()
        if values
    }
    n_good = len({each.planned.name for each in ledger.sent if each.planned.kind == GOOD})
    return LoadResult(
        n_clients, n_good, wall_s, len(ledger.sent), ledger.counts(),
        ledger.wrong, ledger.lost, server, percentiles, memory,
    )  # fmt: skip


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class GrowthResult:
    """Memory right after the largest request, and after many others; `load` is their result.

    What the largest one took is no growth: Python, ONNX Runtime and the shared memory grow to the
    largest request they have seen, and keep that.
    """

    largest_s: float
    before: MemorySample
    after: MemorySample
    load: LoadResult

    @property
    def growth_bytes(self) -> int:
        """Of the PSS of all processes."""
        return self.after.pss_bytes - self.before.pss_bytes

    @property
    def shared_growth_bytes(self) -> int:
        """Of the files in /dev/shm."""
        return self.after.shared_bytes - self.before.shared_bytes

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        problems = self.load.problems
        limit = round(MAX_GROWTH * self.before.pss_bytes)
        for name, growth, most in (
            ("memory", self.growth_bytes, limit),
            ("shared memory", self.shared_growth_bytes, MAX_SHARED_GROWTH_BYTES),
        ):
            if growth > most:
                problems.append(f"{name} grew by {growth} bytes, expected at most {most}")
        return problems


def run_growth(
    url: str, mix: Mix, whole: Speech, n_requests: int, pids: AbstractSet[int]
) -> GrowthResult:
    """Send the largest request from every client at once, then `n_requests` others."""
    largest = file_request(repeated_flac(whole, LARGEST_S))
    with Client(url) as client:
        client.infer_all([largest] * N_GROWTH_CLIENTS)
    before = MemorySample.of(pids)
    load = run_load(url, N_GROWTH_CLIENTS, mix.for_count(n_requests), pids)
    return GrowthResult(LARGEST_S, before, MemorySample.of(pids), load)
