"""Many clients at once, each sending its next recording as soon as it has its last answer."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inputs.recordings import Recording
from measure.benchmarking.memory import PeakMemory
from measure.benchmarking.processors import GpuUse, Meter, host_s
from measure.kit.sending import Connection
from sending.in_flight import Diarizer, defer_interrupt, diarize_all
from sending.outcome import Failure
from server.processes import children


@dataclass(frozen=True)
class ClientsResult:
    """A number of clients at once in one mode."""

    mode: str
    audio_s: float  # length of every recording
    wall_s: float  # from the first request until the last answer
    latencies_s: Sequence[Sequence[float]]  # of the answers, by client
    failures: Sequence[str]  # reasons of those that were not
    peak_bytes: int = 0  # highest PSS of the server
    cpu_s: Mapping[str, float] = field(default_factory=dict)  # by model, of all requests
    gpu: GpuUse | None = None

    @property
    def n_clients(self) -> int:
        """How many at once."""
        return len(self.latencies_s)

    @property
    def all_latencies_s(self) -> list[float]:
        """Of all clients together."""
        return [latency_s for each in self.latencies_s for latency_s in each]

    @property
    def throughput(self) -> float:
        """Seconds of audio answered per second."""
        return len(self.all_latencies_s) * self.audio_s / self.wall_s

    @property
    def host_s(self) -> float | None:
        """CPU seconds beside the nets for one answer; None where it is not known."""
        spent_s, n_answers = host_s(self.cpu_s), len(self.all_latencies_s)
        return spent_s / n_answers if spent_s is not None and n_answers else None

    def latency_s(self, percent: float) -> float | None:
        """Percentile of all latencies; None where nothing was answered."""
        latencies_s = self.all_latencies_s
        return float(np.percentile(latencies_s, percent)) if latencies_s else None

    @property
    def unfairness(self) -> float | None:
        """Mean latency of the slowest client over that of the fastest; None if one got nothing."""
        if not all(self.latencies_s):
            return None
        means_s = [float(np.mean(each)) for each in self.latencies_s]
        return max(means_s) / min(means_s)


def run_clients(
    connection: Connection, audio: Sequence[bytes], audio_s: float, n_requests: int
) -> ClientsResult:
    """Let one client per recording send it `n_requests` times; KeyboardInterrupt after Ctrl-C."""
    with ExitStack() as stack:
        services = [stack.enter_context(connection.service()) for _ in audio]
        server = children(os.getpid())
        memory = stack.enter_context(PeakMemory(lambda: server))
        interrupted = stack.enter_context(defer_interrupt())
        with Meter() as meter:
            started_s = time.monotonic()
            latencies_s, failures = closed_loop(services, audio, n_requests, interrupted)
            wall_s = time.monotonic() - started_s
    mode = str(connection.parameters["mode"])
    return ClientsResult(
        mode, audio_s, wall_s, latencies_s, failures, memory.peak_bytes, meter.cpu_s, meter.gpu
    )


def closed_loop(
    diarizers: Sequence[Diarizer],
    audio: Sequence[bytes],
    n_requests: int,
    interrupted: Callable[[], bool],
) -> tuple[list[list[float]], list[str]]:
    """Let every diarizer work on its audio `n_requests` times, one after another.

    Returns the latencies of each diarizer's answers, and the reasons of all failures.
    """
    latencies_s: list[list[float]] = [[] for _ in diarizers]
    failures: list[str] = []

    def run(client: int) -> None:
        name, diarizer = f"client_{client}", diarizers[client]
        recordings = [Recording(name, Path(name))] * n_requests
        sent_s = time.monotonic()
        for outcome in diarize_all(diarizer, recordings, lambda _: audio[client], 1, interrupted):
            if isinstance(outcome, Failure):
                failures.append(outcome.reason)
            else:
                latencies_s[client].append(time.monotonic() - sent_s)
            sent_s = time.monotonic()

    with ThreadPoolExecutor(len(diarizers)) as threads:
        list(threads.map(run, range(len(diarizers))))
    return latencies_s, failures
