"""Many concurrent clients: one outcome per request, the same as alone; and the server's memory."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

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
from server.processes import alive

GOOD, LONG, BAD, CANCEL = "good", "long", "bad", "cancelled"
SHARES = {GOOD: 0.65, LONG: 0.05, BAD: 0.2, CANCEL: 0.1}
LONG_S, LARGEST_S = 60, 300
MAX_PATIENCE_S = 3.0  # before a client cancels
GRACE_S = 30.0  # beyond gRPC's own deadline; an outcome that has not come by then is lost
N_GROWTH_CLIENTS = 4  # as many requests as the service works on at once
MAX_GROWTH = 0.15  # of the memory after the largest request
MAX_SHARED_GROWTH_BYTES = 64_000_000
SHARED_MEMORY = "/dev/shm"


@dataclass(frozen=True)
class PlannedRequest:
    """A request to send, and the outcome to expect."""

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

    def __str__(self) -> str:
        return f"{self.kind}, {self.name}"


NextRequest = Callable[[], PlannedRequest | None]
"""The next request for any client, None at the end; called from several threads."""


class Mix:
    """Draws requests at random, the same ones in the same order for a seed.

    At the start `client` sends every request once, alone. Cases are made of `speech`, long requests
    of `whole`; `n_good` is the number of different good requests, all by default.
    """

    def __init__(
        self, client: Client, speech: Speech, whole: Speech, seed: int, n_good: int | None = None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        chosen = [ANSWERED[each] for each in sorted(self._rng.permutation(len(ANSWERED))[:n_good])]
        long = file_request(repeated_flac(whole, LONG_S))

        def plan(kind: str, requests: Iterable[tuple[str, Request]]) -> list[PlannedRequest]:
            return [PlannedRequest(kind, name, each, client.infer(each)) for name, each in requests]

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

    def draw(self) -> PlannedRequest:
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

    planned: PlannedRequest
    outcomes: list[Outcome] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def add(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self.outcomes.append(outcome)
        self.arrived.set()


@dataclass(frozen=True)
class LoadResult:
    """What came back for the requests of some clients."""

    n_clients: int
    n_good: int  # number of different good requests
    wall_s: float  # until the last outcome
    n_sent: int
    counts: Mapping[str, Mapping[str, int]]  # outcomes by kind of request and status
    wrong: Sequence[str]  # one sentence for every outcome that is not as alone
    lost: Sequence[str]  # one for every request without exactly one outcome
    server: Sequence[str] = ()  # what was wrong with the server afterwards
    before_bytes: int = 0  # PSS of the server's processes
    after_bytes: int = 0

    @property
    def problems(self) -> list[str]:
        """All that is wrong."""
        return [*self.wrong, *self.lost, *self.server]


def run_clients(clients: Sequence[Client], next_request: NextRequest) -> LoadResult:
    """Let every client send a request as soon as it has an outcome, until there is no next one."""
    sent: list[Sent] = []
    started_s = time.monotonic()
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(lambda client: _send_until_end(client, next_request, sent), clients))
    wall_s = time.monotonic() - started_s
    counts: dict[str, Counter[str]] = {}
    wrong, lost = [], []
    for each in sent:
        planned, outcomes = each.planned, each.outcomes
        counts.setdefault(planned.kind, Counter()).update(outcome.status for outcome in outcomes)
        if len(outcomes) != 1:
            lost.append(f"{planned}: {len(outcomes)} outcomes")
        elif problem := planned.problem(outcomes[0]):
            wrong.append(f"{planned}: {problem}")
    n_good = len({each.planned.name for each in sent if each.planned.kind == GOOD})
    by_kind = {kind: dict(of_kind) for kind, of_kind in counts.items()}  # as JSON has them
    return LoadResult(len(clients), n_good, wall_s, len(sent), by_kind, wrong, lost)


def _send_until_end(client: Client, next_request: NextRequest, sent: list[Sent]) -> None:
    while (planned := next_request()) is not None:
        entry = Sent(planned)
        sent.append(entry)  # atomic
        call = client.start(planned.request, entry.add)
        if planned.patience_s is not None and not entry.arrived.wait(planned.patience_s):
            call.cancel()
        entry.arrived.wait(TIMEOUT_S + GRACE_S)


def run_load(
    url: str, n_clients: int, next_request: NextRequest, pids: AbstractSet[int]
) -> LoadResult:
    """Put load on the server at `url`, whose processes are `pids`."""
    before_bytes = pss_bytes(pids)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(url)) for _ in range(n_clients)]
        result = run_clients(clients, next_request)
        server = [] if clients[0].is_ready() else ["the server was not ready afterwards"]
    if ended := pids - alive(pids):
        server.append(f"{len(ended)} process(es) of the server ended")
    return replace(result, server=server, before_bytes=before_bytes, after_bytes=pss_bytes(pids))


def run_growth(
    url: str, mix: Mix, whole: Speech, n_requests: int, pids: AbstractSet[int]
) -> LoadResult:
    """Send the largest request from every client at once, then `n_requests` others.

    What the largest one took is no growth: Python, ONNX Runtime and the shared memory keep it.
    """
    largest = file_request(repeated_flac(whole, LARGEST_S))
    with Client(url) as client:
        client.infer_all([largest] * N_GROWTH_CLIENTS)
    shared_bytes = psutil.disk_usage(SHARED_MEMORY).used
    result = run_load(url, N_GROWTH_CLIENTS, mix.for_count(n_requests), pids)
    shared_growth = psutil.disk_usage(SHARED_MEMORY).used - shared_bytes
    grown = [
        *excess(
            "memory", result.after_bytes - result.before_bytes, MAX_GROWTH * result.before_bytes
        ),
        *excess("shared memory", shared_growth, MAX_SHARED_GROWTH_BYTES),
    ]
    return replace(result, server=[*result.server, *grown])


def excess(name: str, growth_bytes: int, most_bytes: float) -> list[str]:
    """A sentence if the memory grew too much."""
    if growth_bytes <= most_bytes:
        return []
    return [f"{name} grew by {growth_bytes} bytes, expected at most {most_bytes:.0f}"]
