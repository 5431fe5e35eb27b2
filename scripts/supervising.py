"""Keep a server running: start it again when it ends or loses a process of a model."""

import time
from collections import deque

from server_log import ServerError
from triton_server import TritonServer

RESTARTS = 5
WITHIN_S = 600.0
# The healthy processes may finish what takes no longer. The clients of the dead one wait so long.
DRAIN_S = 2.0
PAUSE_S = 1.0  # after a restart that failed, doubled every time


def keep_running(server: TritonServer, restarts: int, ready_timeout_s: float) -> ServerError:
    """Watch a running server, start it again as often as is allowed, and return why no more.

    Parameters
    ----------
    server
        One that is ready. In the end it may run or not; the caller stops it.
    restarts
        So many within ten minutes; with 0 the first fault is the last.
    ready_timeout_s
        Seconds that a start may take.
    """
    begun: deque[float] = deque()  # of the restarts within the last ten minutes
    n_failed = 0
    fault = server.watch()
    while is_allowed(begun, restarts):
        server.kill(DRAIN_S)
        try:
            server.start(ready_timeout_s)
        except ServerError as error:
            fault = error
            time.sleep(PAUSE_S * 2**n_failed)
            n_failed += 1
            continue
        n_failed = 0
        print(
            f"ready again after {time.monotonic() - begun[-1]:.1f} s: {fault.headline}; "
            f"restart {len(begun)} of {restarts} within {WITHIN_S / 60:.0f} minutes",
            flush=True,
        )
        fault = server.watch()
    return given_up(fault, restarts)


def is_allowed(begun: deque[float], restarts: int) -> bool:
    """Whether one more restart may begin now; if so it is noted."""
    now = time.monotonic()
    while begun and now - begun[0] > WITHIN_S:
        begun.popleft()
    if len(begun) >= restarts:
        return False
    begun.append(now)
    return True


def given_up(fault: ServerError, restarts: int) -> ServerError:
    """The error that ends it all."""
    if restarts == 0:
        return fault
    return ServerError(
        f"gave up after {restarts} restarts within {WITHIN_S / 60:.0f} minutes; the last time: "
        f"{fault}"
    )
