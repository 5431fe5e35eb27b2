"""Decide when a server is restarted: it has ended, lost a process of a model, or hangs.

`keep_running` restarts it, `wait_for_fault` finds out that it must be.
"""

import time
from collections.abc import Callable, Iterable

from server.drain_lock import DrainLock
from server.processes import cpu_seconds, describe, is_stopped
from server.readiness import HANGING, not_ready
from server.server_log import ServerError, failure
from server.triton_server import TritonServer

MAX_FAILED_STARTS = 5
DRAIN_S = 2.0  # before a restart, for requests that healthy processes can still finish
PAUSE_S = 1.0  # after a failed start, doubled every time
WATCH_S = 0.25  # between two looks for processes that have ended
HANG_CHECK_S = 1.0  # between two checks for processes that hang
SILENT_S = 12.0  # a proxy without an answer for this long hangs
STOPPED_S = 10.0
IDLE_S = 20.0
# CPU time of a server within IDLE_S: one that works uses far more, one that only answers probes
# less. With slow nets an instance of `run` waits for long, but then the nets are busy.
BUSY_S = 1.0


def keep_running(
    server: TritonServer, max_failed_starts: int, ready_timeout_s: float
) -> ServerError:
    """Watch a running server, restart it after every fault, and return why it is given up.

    A server that was ready is always restarted: otherwise a client that can crash it could end the
    service. The proxy refuses such a client for a while, longer every time.

    Parameters
    ----------
    server
        One that is ready. At the end it may be running; the caller stops it.
    max_failed_starts
        Maximum failed starts in a row; with 0 the first fault is the last.
    ready_timeout_s
        Seconds that a start may take.
    """
    n_restarts = n_failed = 0
    fault = wait_for_fault(server)
    faulty_s = time.monotonic()
    while n_failed < max_failed_starts:
        server.kill(DRAIN_S)
        try:
            server.start(ready_timeout_s)
        except ServerError as error:
            fault = error
            time.sleep(PAUSE_S * 2**n_failed)
            n_failed += 1
            continue
        n_failed = 0
        n_restarts += 1
        print(
            f"ready again after {time.monotonic() - faulty_s:.1f} s: {fault.headline}; "
            f"restart {n_restarts}",
            flush=True,
        )
        fault = wait_for_fault(server)
        faulty_s = time.monotonic()
    if max_failed_starts == 0:
        return fault
    return ServerError(
        f"gave up after {max_failed_starts} failed starts in a row; the last one: {fault}"
    )


def wait_for_fault(server: TritonServer) -> ServerError:
    """Wait until the server ends by itself, loses a process or hangs; return what happened.

    Triton does not restart a Python stub that died, and does not notice one that hangs: it stays
    ready and fails requests.
    """
    stubs = HungStubs(server.pid, server.models, server.drain_lock)
    checked_s = answered_s = time.monotonic()
    while True:
        fault = server.ended()
        if not fault and time.monotonic() - checked_s > HANG_CHECK_S:
            checked_s = time.monotonic()
            fault, answers = _find_hang(server, stubs)
            if answers:
                answered_s = time.monotonic()
            elif not fault and time.monotonic() - answered_s >= SILENT_S:
                server.stop_proxy()
                fault = "the proxy does not answer"
        if fault:
            return failure(server.output, fault)
        time.sleep(WATCH_S)


def _find_hang(server: TritonServer, stubs: "HungStubs") -> tuple[str, bool]:
    """What hangs, "" for nothing; and whether the proxy answers."""
    if hung := stubs.find():
        return f"{describe(hung, server.models)} hang", False
    reason = not_ready(server.http_url)
    hangs = reason is not None and reason.startswith(HANGING)
    return reason if reason and hangs else "", reason is not None


class HungStubs:
    """Finds processes of models that exist but do nothing, which Triton does not notice.

    A process may be stopped (SIGSTOP). An instance of `run` may hang in the middle of a request: it
    then holds the drain lock, while the whole server uses no CPU. The other models have one
    instance each; the proxy's probes find one that hangs (see `proxy_health`).

    Parameters
    ----------
    server
        Pid of tritonserver.
    stubs
        Pids of the processes that run models.
    drain_lock
        Held by an instance of `run` while it works on a request.
    clock
        A monotonic clock in seconds.
    """

    def __init__(
        self,
        server: int,
        stubs: Iterable[int],
        drain_lock: DrainLock,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stubs, self._drain_lock, self._clock = frozenset(stubs), drain_lock, clock
        self._all = self._stubs | {server}
        self._running_s = dict.fromkeys(self._stubs, clock())  # pid -> when last seen not stopped
        self._busy_s, self._used_s = clock(), 0.0

    def find(self) -> set[int]:
        """Pids of those that hang; to be called every second or so."""
        now_s = self._clock()
        used_s = sum(map(cpu_seconds, self._all))
        working = self._drain_lock.holders() & self._stubs
        if not working or used_s - self._used_s > BUSY_S:
            self._busy_s, self._used_s = now_s, used_s
        for pid in self._stubs:
            if not is_stopped(pid):
                self._running_s[pid] = now_s
        stopped = {pid for pid, at_s in self._running_s.items() if now_s - at_s > STOPPED_S}
        return stopped | (working if now_s - self._busy_s > IDLE_S else set())
