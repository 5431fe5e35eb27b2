"""The loads of the project's page, and what perf_analyzer measured under each."""

import csv
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load_testing.tool import N_FRAMES, ToolError, command, environment

CSV_NAME = "latency.csv"
MS_PER_US = 1e-3
STABLE_PERCENT = 50  # perf_analyzer's own 10 often ends without any figure on a shared machine
INNER_MODELS = "sad,segmentation,speaker_model"
COMPUTE = ("Server Compute Input", "Server Compute Infer", "Server Compute Output")
TRANSPORT = ("Client Send", "Network+Server Send/Recv", "Client Recv")


@dataclass(frozen=True)
class Load:
    """Requests to one model, so many at a time, for at least three windows of `interval_s`."""

    model: str
    concurrency: int
    interval_s: int
    flags: tuple[str, ...]
    batch: int = 1
    n_frames: int = 0

    @property
    def all_flags(self) -> list[str]:
        """Flags of perf_analyzer."""
        return [
            *self.flags,
            f"--concurrency-range={self.concurrency}",
            f"--measurement-interval={1000 * self.interval_s}",
            f"--stability-percentage={STABLE_PERCENT}",
        ]


@dataclass(frozen=True)
class Measured:
    """One row of perf_analyzer's own table, and its report.

    Percentiles are of whole requests as the client sees them; queue, compute and transport are
    means of the parts of a request.
    """

    load: Load
    per_s: float
    p50_ms: float
    p95_ms: float
    queue_ms: float
    compute_ms: float
    transport_ms: float
    report: str


def speaker_loads() -> list[Load]:
    """Windows of both modes in batches of 1, 16 and 64, one and two requests at a time."""
    return [
        Load("speaker_model", concurrency, 5, speaker_flags(n_frames, batch), batch, n_frames)
        for n_frames in N_FRAMES.values()
        for batch in (1, 16, 64)
        for concurrency in (1, 2)
    ]


def speaker_flags(n_frames: int, batch: int) -> tuple[str, ...]:
    """What `speaker_model` is sent: random features."""
    return (f"--shape=feats:{n_frames},80", "-b", str(batch))


def run_loads() -> list[Load]:
    """The sample recording, one to eight at a time; the models that `run` calls are told too."""
    flags = ("--request-parameter=mode:full:string", f"--bls-composing-models={INNER_MODELS}")
    return [Load("run", concurrency, 15, flags) for concurrency in (1, 2, 4, 8)]


def measured(load: Load, url: str) -> Measured:
    """Run perf_analyzer under one load; `ToolError` with what it complained about if it fails."""
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        table = Path(folder) / CSV_NAME
        words = [*command(load.model, url, load.all_flags), "-f", str(table)]
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0 or not table.is_file():
            said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise ToolError(f"perf_analyzer {load.model}, concurrency {load.concurrency}: {said}")
        return parsed(load, table.read_text(), done.stdout)


def parsed(load: Load, table: str, report: str) -> Measured:
    """Read the table that perf_analyzer writes for one load; its times are microseconds."""
    (row,) = csv.DictReader(table.splitlines())
    return Measured(
        load,
        per_s=float(row["Inferences/Second"]),
        p50_ms=added_ms(row, ["p50 latency"]),
        p95_ms=added_ms(row, ["p95 latency"]),
        queue_ms=added_ms(row, ["Server Queue"]),
        compute_ms=added_ms(row, COMPUTE),
        transport_ms=added_ms(row, TRANSPORT),
        report=report,
    )


def added_ms(row: dict[str, str], columns: Sequence[str]) -> float:
    """Sum of some columns, in milliseconds."""
    return MS_PER_US * sum(float(row[column]) for column in columns)
