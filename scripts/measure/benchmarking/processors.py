"""CPU seconds of the server's processes, and the use of NVIDIA GPUs, while something runs.

GPUs are watched by `nvidia-smi`, which every driver brings; Triton's own metrics of them need a
library that the embedded server may lack.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from server.processes import children, cpu_seconds, stubs

NETS = ("segmentation", "speaker_model")
SERVER = "server"  # tritonserver, the proxy and all else that is no model
EVERY_MS = 100
QUERY = "utilization.gpu,power.draw,memory.used"  # percent, W, MiB
MIB = 2**20


@dataclass(frozen=True)
class GpuUse:
    """All GPUs together: mean utilization and power, and the most memory."""

    percent: float
    watts: float | None  # None where a card does not know it
    peak_bytes: int


class Meter(contextlib.AbstractContextManager["Meter"]):
    """Measures the server below this process while the block runs.

    Attributes
    ----------
    cpu_s
        Model or `SERVER` -> CPU seconds of its processes; empty before the end.
    gpu
        None without a GPU, or where the block was too short to see any.
    """

    def __init__(self) -> None:
        self.cpu_s: Mapping[str, float] = {}
        self.gpu: GpuUse | None = None

    def __enter__(self) -> "Meter":
        self._samples = tempfile.TemporaryFile("w+")
        self._before = spent_s()
        self._watch = watch_gpus(self._samples.fileno())  # not of the server, so not counted
        return self

    def __exit__(self, *_: object) -> None:
        if self._watch is not None:
            self._watch.terminate()
            self._watch.wait()
        after = spent_s()
        self.cpu_s = {part: after[part] - self._before.get(part, 0.0) for part in after}
        self._samples.seek(0)
        self.gpu = gpu_use(self._samples.read())
        self._samples.close()


def spent_s() -> dict[str, float]:
    """CPU seconds so far of the processes below this one, by model."""
    models = stubs(os.getpid())
    spent: Counter[str] = Counter()
    for pid in children(os.getpid()):
        spent[models.get(pid, SERVER)] += cpu_seconds(pid)  # type: ignore[assignment]
    return dict(spent)


def host_s(cpu_s: Mapping[str, float]) -> float | None:
    """CPU seconds beside the two nets; None where these have no processes of their own."""
    if not set(NETS) <= cpu_s.keys():
        return None
    return sum(spent for part, spent in cpu_s.items() if part not in NETS)


def watch_gpus(sink: int) -> "subprocess.Popen[bytes] | None":
    """Start to write a line for each GPU, over and over; None where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    return subprocess.Popen(
        [*command, f"--loop-ms={EVERY_MS}"], stdout=sink, stderr=subprocess.DEVNULL
    )


def gpu_use(samples: str) -> GpuUse | None:
    """Sum up lines of `QUERY`; None if there is none that names a utilization and memory."""
    rows = [line.split(", ") for line in samples.splitlines()]
    rows = [row for row in rows if len(row) == QUERY.count(",") + 1 and row[0].isdecimal()]
    if not rows:
        return None
    watts = [float(row[1]) for row in rows if row[1].replace(".", "", 1).isdecimal()]
    return GpuUse(
        statistics.fmean(float(row[0]) for row in rows),
        statistics.fmean(watts) if watts else None,
        max(int(row[2]) for row in rows) * MIB,
    )
