"""Many clients at once, each sending its next recording as soon as it has its last answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from inputs.recordings import Recording
from measure.benchmarking.batch_sizes import BatchSize, batch_sizes, model_counts
from measure.benchmarking.memory import PeakMemory, own_children
from measure.benchmarking.spread import percentile, slowest_to_fastest
from measure.kit.sending import Connection
from sending.in_flight import Diarizer, noted_interrupt
from sending.outcome import Failure, Outcome

LOOK_UP_EVERY_S = 0.2  # how long Ctrl-C may go unnoticed

Arrivals = SimpleQueue[tuple[int, float, Outcome]]  # client, when, what


@dataclass(frozen=True)
class ClientsResult:
    """A number of clients at once in one mode.

    Parameters
    ----------
    audio_s : float
        Length of every recording.
    wall_s : float
        From the first request until the last answer.
    latencies_s : Sequence[Sequence[float]]
        From sending to answer, of every client's requests that were answered.
    failures : Sequence[str]
        Reasons of those that were not.
    peak_bytes : int
        Most PSS of the server.
    batches : Mapping[str, BatchSize]
        Average batch by model.
    """

    mode: str
    audio_s: float
    wall_s: float
    latencies_s: Sequence[Sequence[float]]
    failures: Sequence[str]
    peak_bytes: int = 0
    batches: Mapping[str, BatchSize] = field(default_factory=dict)

    @property
    def n_clients(self) -> int:
        """How many at once."""
        return len(self.latencies_s)

    @property
    def all_latencies_s(self) -> list[float]:
        """Of all clients together."""
        return [latency for each in self.latencies_s for latency in each]

    @property
    def throughput(self) -> float:
        """Seconds of audio answered per second."""
        return len(self.all_latencies_s) * self.audio_s / self.wall_s

    def latency_s(self, percent: float) -> float | None:
        """Percentile of all latencies; None where nothing was answered."""
        return percentile(self.all_latencies_s, percent) if self.all_latencies_s else None

    @property
    def unfairness(self) -> float | None:
        """Mean latency of the slowest client over that of the fastest; None if one got nothing."""
        return slowest_to_fastest(self.latencies_s) if all(self.latencies_s) else None


def run_clients(
    connection: Connection, audio: Sequence[bytes], audio_s: float, n_requests: int
) -> ClientsResult:
    """Let one client per recording send its own `n_requests` times.

    Raises
    ------
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    with ExitStack() as stack:
        services = [stack.enter_context(connection.service()) for _ in audio]
        before = model_counts(connection.url)
        server = own_children()
        memory = stack.enter_context(PeakMemory(lambda: server))
        interrupted = stack.enter_context(noted_interrupt())
        started_s = time.monotonic()
        latencies_s, failures = closed_loop(services, audio, n_requests, interrupted)
        wall_s = time.monotonic() - started_s
    batches = batch_sizes(before, model_counts(connection.url))
    mode = str(connection.parameters["mode"])
    return ClientsResult(mode, audio_s, wall_s, latencies_s, failures, memory.peak_bytes, batches)


def closed_loop(
    diarizers: Sequence[Diarizer],
    audio: Sequence[bytes],
    n_requests: int,
    interrupted: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[list[float]], list[str]]:
    """Let every diarizer work on its audio `n_requests` times, one after another.

    Returns
    -------
    latencies_s : list[list[float]]
        Seconds of each diarizer's requests that were answered.
    failures : list[str]
        Reasons of those that were not.
    """
    arrived: Arrivals = SimpleQueue()
    latencies_s: list[list[float]] = [[] for _ in diarizers]
    failures: list[str] = []
    n_left = [n_requests - 1 for _ in diarizers]
    sent_s = [_send(arrived, i, diarizers[i], audio[i], clock) for i in range(len(diarizers))]
    for _ in range(n_requests * len(diarizers)):
        client, at_s, outcome = _next(arrived, interrupted)
        if isinstance(outcome, Failure):
            failures.append(outcome.reason)
        else:
            latencies_s[client].append(at_s - sent_s[client])
        if n_left[client]:
            n_left[client] -= 1
            sent_s[client] = _send(arrived, client, diarizers[client], audio[client], clock)
    return latencies_s, failures


def _send(
    arrived: Arrivals, client: int, diarizer: Diarizer, audio: bytes, clock: Callable[[], float]
) -> float:
    """Send a client's recording; returns when."""
    name = f"client_{client}"
    sent_s = clock()
    diarizer.send(
        Recording(name, Path(name)), audio, lambda outcome: arrived.put((client, clock(), outcome))
    )
    return sent_s


def _next(arrived: Arrivals, interrupted: Callable[[], bool]) -> tuple[int, float, Outcome]:
    while True:
        if interrupted():
            raise KeyboardInterrupt
        try:
            return arrived.get(timeout=LOOK_UP_EVERY_S)
        except Empty:
            continue
