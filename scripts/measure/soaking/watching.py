"""The server while it works: its memory, its shared memory, and whether all its processes live."""

import contextlib
import os
import threading
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from measure.benchmarking.memory import PROC, pss_bytes
from server.processes import alive

SHARED = "/dev/shm/"
SAMPLE_EVERY_S = 5.0
_BLOCK_BYTES = 512  # of st_blocks


@dataclass(frozen=True)
class MemorySample:
    """Memory of all processes of the server.

    Parameters
    ----------
    at_s : float
        Since watching began.
    pss_bytes : int
        Proportional set size, shared pages counted once.
    shared_bytes : int
        Of it, files in /dev/shm, as large as they have become.
    """

    at_s: float
    pss_bytes: int
    shared_bytes: int


def look(pids: AbstractSet[int], at_s: float = 0.0) -> MemorySample:
    """Measure now."""
    return MemorySample(at_s, pss_bytes(pids), shared_memory_bytes(pids))


def shared_memory_bytes(pids: AbstractSet[int], proc: Path = PROC) -> int:
    """Allocated size of the files in /dev/shm that the processes have mapped, each once."""
    files = {path for pid in pids for path in _mapped(proc / str(pid) / "maps")}
    return sum(_allocated(Path(path)) for path in files)


def _mapped(maps: Path) -> set[str]:
    try:
        lines = os.fsdecode(maps.read_bytes()).split("\n")  # names of files need not be UTF-8
    except OSError:
        return set()
    return {SHARED + line.partition(SHARED)[2] for line in lines if SHARED in line}


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_blocks * _BLOCK_BYTES
    except OSError:
        return 0


def ended(pids: AbstractSet[int]) -> list[str]:
    """A sentence if some processes of the server are gone."""
    n_ended = len(pids - alive(pids))
    return [f"{n_ended} process(es) of the server ended"] if n_ended else []


class MemoryCurve(contextlib.AbstractContextManager["MemoryCurve"]):
    """Samples the memory of processes every few seconds as long as the block runs."""

    def __init__(self, pids: AbstractSet[int], every_s: float = SAMPLE_EVERY_S) -> None:
        self.samples: list[MemorySample] = []
        self._pids, self._every_s = pids, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._started_s = time.monotonic()

    def __enter__(self) -> "MemoryCurve":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _look(self) -> None:
        self.samples.append(look(self._pids, time.monotonic() - self._started_s))

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self._look()
