"""Memory of processes: the proportional set size (PSS), in which shared pages count once.

Linux walks all pages of a process to compute its PSS: 30 to 80 ms for the whole server, which would
slow down a short request. The resident size costs nothing. So PSS is measured before and after a
run, and during it only when the resident size is higher than ever.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable

import psutil

EVERY_S = 0.1
FIRST_S = 0.5  # a shorter run is measured before and after only, and not disturbed
GROWTH = 1.02
MIN_PAUSE = 50  # times what a measurement costs: measuring takes at most a fiftieth of a core

Pids = Iterable[int]


def pss_bytes(pids: Pids) -> int:
    """Sum of the PSS of processes; one that has ended counts nothing."""
    return sum(_memory(pid, lambda process: process.memory_full_info().pss) for pid in pids)


def resident_bytes(pids: Pids) -> int:
    """Sum of the resident sizes of processes; shared pages count in each."""
    return sum(_memory(pid, lambda process: process.memory_info().rss) for pid in pids)


def _memory(pid: int, measure: Callable[[psutil.Process], int]) -> int:
    try:
        return measure(psutil.Process(pid))
    except psutil.Error:
        return 0


class PeakMemory(contextlib.AbstractContextManager["PeakMemory"]):
    """Measures the memory of processes in a thread while the block runs.

    `pids` is called anew every time; `peak_bytes` is the highest PSS so far.
    """

    def __init__(self, pids: Callable[[], Pids]) -> None:
        self.peak_bytes = 0
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._measure(self._pids())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._measure(self._pids())

    def _measure(self, pids: Pids) -> None:
        self.peak_bytes = max(self.peak_bytes, pss_bytes(pids))

    def _run(self) -> None:
        highest, pause_s = 0.0, FIRST_S
        while not self._ended.wait(pause_s):
            started_s = time.monotonic()
            pids = set(self._pids())
            resident = resident_bytes(pids)
            if resident > GROWTH * highest:
                self._measure(pids)
                highest = resident
            pause_s = max(EVERY_S, MIN_PAUSE * (time.monotonic() - started_s))
