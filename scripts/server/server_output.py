"""Where a server's output goes: into a file, or on to our own standard output."""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TypeAlias

STDOUT = Path("-")  # as a log: standard output, where a container's log is taken from
KEPT_LINES = 2000
WAIT_S = 0.5  # for what a server that has ended still had in the pipe


class ServerError(Exception):
    """The server did not start or did not go on.

    The first line of the text says why; the others show what its log says.
    """

    @property
    def headline(self) -> str:
        """The first line."""
        return str(self).partition("\n")[0]


class Relay:
    """Passes a server's output on to standard output, and keeps its last lines."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._thread: Thread | None = None

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """What a server is to write to; what it writes is passed on once the block has ended."""
        self.finish()
        self._last.clear()
        reading, writing = os.pipe()
        source = os.fdopen(reading, "rb")
        try:
            with os.fdopen(writing, "wb") as sink:
                yield sink
        except BaseException:
            source.close()
            raise
        # Only now: a process must not fork while it has threads.
        self._thread = Thread(target=self._pass_on, args=(source,), daemon=True)
        self._thread.start()

    def lines(self) -> list[str]:
        """The last lines of a server; of one that has ended, those still in the pipe too."""
        self.finish()
        return list(self._last)

    def finish(self) -> None:
        """Wait a moment for what the server wrote last."""
        if self._thread:
            self._thread.join(WAIT_S)

    def _pass_on(self, source: IO[bytes]) -> None:
        with source:
            for line in source:
                self._last.append(line.decode(errors="replace").rstrip("\n"))
                with contextlib.suppress(OSError):  # nobody listens; the server must not block
                    sys.stdout.buffer.write(line)
                    sys.stdout.buffer.flush()


Output: TypeAlias = "Path | Relay"


def output_of(log: Path) -> Output:
    """The file itself, or a relay where the log is `-`."""
    return Relay() if log == STDOUT else log


@contextmanager
def opened(output: Output) -> Iterator[IO[bytes]]:
    """What a server is to write to; the file of the run before stays readable beside it.

    Raises
    ------
    ServerError
        If the file cannot be written.
    """
    with output.opened() if isinstance(output, Relay) else _new_file(output) as sink:
        yield sink


def _new_file(path: Path) -> IO[bytes]:
    try:
        with contextlib.suppress(FileExistsError):  # a file: opening one below it says so better
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            path.replace(path.with_name(path.name + ".1"))
        return path.open("wb")
    except OSError as error:
        raise ServerError(f"cannot write the log {path}: {error.strerror}") from error


def lines_of(output: Output) -> list[str]:
    """What is known of a server's output."""
    if isinstance(output, Relay):
        return output.lines()
    return output.read_text(errors="replace").splitlines() if output.is_file() else []
