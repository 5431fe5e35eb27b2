"""Keep a server running: start it again when it ends, hangs, or loses a process of a model."""

import time

from server.server_log import ServerError
from server.triton_server import TritonServer

RESTARTS = 5
# The healthy processes may finish what takes no longer. The clients of the dead one wait so long.
DRAIN_S = 2.0
PAUSE_S = 1.0  # after a start that failed, doubled every time


def keep_running(server: TritonServer, restarts: int, ready_timeout_s: float) -> ServerError:
    """Watch a running server, start it again after every fault, and return why no more.

    A server that was ready is always started again: otherwise a client that can crash it could end
    the service. The proxy holds such a client off, longer every time.

    Parameters
    ----------
    server
        One that is ready. In the end it may run or not; the caller stops it.
    restarts
        Starts in a row that may fail; with 0 the first fault is the last.
    ready_timeout_s
        Seconds that a start may take.
    """
    n_restarts = n_failed = 0
    fault = server.watch()
    faulty_s = time.monotonic()
    while n_failed < restarts:
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
        fault = server.watch()
        faulty_s = time.monotonic()
    return given_up(fault, restarts)


def given_up(fault: ServerError, restarts: int) -> ServerError:
    """The error that ends it all."""
    if restarts == 0:
        return fault
    return ServerError(f"gave up after {restarts} failed starts in a row; the last one: {fault}")
