"""SIGINT and SIGTERM: how they end a program that has started a server."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_on_signals() -> None:
    """Make SIGINT and SIGTERM end this process the orderly way, servers stopped on the way out."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait, so that none comes between a process and the note of its pid."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        release_signals()


def release_signals() -> None:
    """Take the signals that waited; a child process inherits that they wait."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
