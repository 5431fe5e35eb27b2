"""Memory of processes: the proportional set size (PSS), which counts shared pages once in a sum.

Linux walks all pages of a process to tell its PSS: 30 to 80 ms for the whole server, which a short
request would feel. The number of resident pages costs nothing. So PSS is looked at before and after
a run, and within it only when there are more resident pages than ever.
"""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from server.processes import children

PROC = Path("/proc")
EVERY_S = 0.1
FIRST_S = 0.5  # what takes no longer than this is looked at before and after, and not disturbed
GROWTH = 1.02
LEAST_PAUSE = 10  # times what a look costs, so that looking takes no more than a tenth of a core
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", flags=re.MULTILINE)


def pss_bytes(pids: Iterable[int], proc: Path = PROC) -> int:
    """Sum of the PSS of processes; those that ended meanwhile count nothing."""
    return sum(_pss_of(proc / str(pid) / "smaps_rollup") for pid in pids)


def own_children() -> set[int]:
    """Pids of all that this process has started, at any depth: its server, while no peer runs."""
    return children(os.getpid())


def resident_pages(pids: Iterable[int], proc: Path = PROC) -> int:
    """Sum of the resident pages of processes, shared ones counted in each."""
    return sum(_resident_of(proc / str(pid) / "statm") for pid in pids)


def _resident_of(statm: Path) -> int:
    try:
        return int(statm.read_text().split()[1])
    except (OSError, IndexError):
        return 0


def _pss_of(rollup: Path) -> int:
    try:
        found = _PSS.search(rollup.read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


class PeakMemory(contextlib.AbstractContextManager["PeakMemory"]):
    """Watches the memory of processes in a thread as long as the block runs.

    Parameters
    ----------
    pids : Callable[[], Iterable[int]]
        Whose memory; asked anew every time.
    proc : Path
        Where Linux tells it.

    Attributes
    ----------
    peak_bytes : int
        The most that was seen.
    """

    def __init__(self, pids: Callable[[], Iterable[int]], proc: Path = PROC) -> None:
        self.peak_bytes = 0
        self._pids = pids
        self._proc = proc
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._look(self._pids())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look(self._pids())

    def _look(self, pids: Iterable[int]) -> None:
        self.peak_bytes = max(self.peak_bytes, pss_bytes(pids, self._proc))

    def _watch(self) -> None:
        most_pages, pause_s = 0.0, FIRST_S
        while not self._ended.wait(pause_s):
            started_s = time.monotonic()
            pids = set(self._pids())
            n_pages = resident_pages(pids, self._proc)
            if n_pages > GROWTH * most_pages:
                self._look(pids)
                most_pages = n_pages
            pause_s = max(EVERY_S, LEAST_PAUSE * (time.monotonic() - started_s))
