"""Processes of models that are there but do nothing, as Triton does not notice.

A process may be stopped (SIGSTOP). An instance of `run` may hang in the middle of a request: it
holds a lock of the server's door then (see `door`), while the whole server does nothing. The other
models have one instance each, which is found to hang by a probe (see `model_probes`).
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from server.processes import PROC, is_stopped, processor_s

STOPPED_S = 10.0
IDLE_S = 20.0
# A server that works takes far more of so many seconds, one that only answers probes takes less.
# On nets that are slow an instance of `run` waits for long, but the nets are busy meanwhile.
BUSY_S = 1.0


class HungStubs:
    """Watches the processes of a server; asked every second or so.

    Parameters
    ----------
    server
        Pid of tritonserver.
    stubs
        Pids of the processes that run models.
    door
        File of which an instance of `run` holds a lock while it works on a request.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self,
        server: int,
        stubs: Iterable[int],
        door: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stubs, self._door, self._clock = frozenset(stubs), door, clock
        self._all = self._stubs | {server}
        self._running = dict.fromkeys(self._stubs, clock())  # pid -> when seen not to be stopped
        self._busy_s, self._used_s = clock(), 0.0

    def found(self) -> set[int]:
        """Pids of those that hang."""
        now_s = self._clock()
        used_s = sum(map(processor_s, self._all))
        working = lock_holders(self._door) & self._stubs
        if not working or used_s - self._used_s > BUSY_S:
            self._busy_s, self._used_s = now_s, used_s
        for pid in self._stubs:
            if not is_stopped(pid):
                self._running[pid] = now_s
        stopped = {pid for pid, at_s in self._running.items() if now_s - at_s > STOPPED_S}
        return stopped | (working if now_s - self._busy_s > IDLE_S else set())


def lock_holders(path: Path, proc: Path = PROC) -> set[int]:
    """Pids that hold a lock of a file by `flock`; source: proc_locks(5)."""
    try:
        number = path.stat().st_ino
        lines = [line.split() for line in (proc / "locks").read_text().splitlines()]
    except OSError:
        return set()
    return {
        int(fields[4])
        for fields in lines
        if fields[1] == "FLOCK" and fields[5].endswith(f":{number}")
    }
