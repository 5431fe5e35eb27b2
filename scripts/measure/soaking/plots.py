"""The picture of a soak: memory over the minutes of load."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from measure.benchmarking.plots import SIZE_INCH
from measure.benchmarking.tables import MEGA
from measure.soaking.watching import MemorySample

MINUTE_S = 60.0


def draw_memory(samples: Sequence[MemorySample], path: Path) -> None:
    """Draw PSS and shared memory over time.

    Raises
    ------
    OSError
        If the picture cannot be written.
    """
    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    axes = figure.subplots()
    minutes = [each.at_s / MINUTE_S for each in samples]
    axes.plot(minutes, [each.pss_bytes / MEGA for each in samples], label="all processes (PSS)")
    shared = [each.shared_bytes / MEGA for each in samples]
    axes.plot(minutes, shared, label="shared memory, files in /dev/shm")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes of load")
    axes.set_ylabel("MB")
    axes.set_title("Memory of the server under load")
    axes.grid(linewidth=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)
