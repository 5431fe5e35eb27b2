"""Ctrl-C that is obeyed at safe points only.

An exception in the middle of gRPC's own code can leave a call that nothing ever finishes, and then
closing the connection waits for ever [seen with grpcio 1.85]. So Ctrl-C only leaves a note here.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def noted_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a note as long as the block runs; a second Ctrl-C ends the program at once.

    Yields
    ------
    Callable[[], bool]
        Tells whether Ctrl-C was pressed.
    """
    noted = threading.Event()

    def note(number: int, _: FrameType | None) -> None:
        noted.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set  # signals reach the main thread only, and there they are not ours
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
