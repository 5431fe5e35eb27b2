"""A server's log: where it is written, and what it says about a failure.

The log is a file, or standard output, which a container's log is taken from.
"""

import contextlib
import os
import re
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TypeAlias

STDOUT = Path("-")  # as a log: standard output
KEPT_LINES = 2000
FLUSH_S = 0.5  # for output of a server that has ended and is still in the pipe
LOG_TAIL_LINES = 20
# Without a GPU the one about CudaDriverHelper is always there.
COMPLAINT = re.compile(
    r"E\d{4} (?!.*CudaDriverHelper)|.*(unrecognized option|requires an arg|libprotobuf ERROR)"
)
# Triton quotes errors with line ends written as \n; a traceback begins at `At:`.
NOT_LOADED = re.compile(
    r"E\d{4} .*failed to load (model )?'(?P<model>[^']+)'( version \d+: [\w ]+)?: (?P<cause>.*)"
)
NOT_READ = re.compile(r"E\d{4} .*Poll failed for model directory '(?P<model>[^']+)': (?P<cause>.*)")
BAD_FLAG = re.compile(
    r"\S*tritonserver: (?P<cause>(unrecognized option|option .*requires an arg).*)"
)
TRACEBACK = re.compile(r'((\\n)+At:.*|(\\n|\s|")+)$')
ERROR_TYPE = re.compile(r"^(TritonModelException|(?P<type>\w+)): ")
# Remedies for errors that do not name one.
OPTIONS_REMEDY = "; correct the parameters in its config.pbtxt"
CONFIG_REMEDY = "; correct it"


class ServerError(Exception):
    """The server did not start, or stopped working.

    The first line of the text says why; the others quote its log.
    """

    @property
    def headline(self) -> str:
        """The first line."""
        return str(self).partition("\n")[0]


class Relay:
    """Copies a server's output to standard output, and keeps its last lines."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._thread: Thread | None = None

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Yield the file for a new server; its output is copied from the end of the block on."""
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
        self._thread = Thread(target=self._copy, args=(source,), daemon=True)
        self._thread.start()

    def lines(self) -> list[str]:
        """The last lines of the server."""
        self.finish()
        return list(self._last)

    def finish(self) -> None:
        """Wait a moment for the last output of a server that has ended."""
        if self._thread:
            self._thread.join(FLUSH_S)

    def _copy(self, source: IO[bytes]) -> None:
        with source:
            for line in source:
                self._last.append(line.decode(errors="replace").rstrip("\n"))
                with contextlib.suppress(OSError):  # our reader is gone; the server must not block
                    sys.stdout.buffer.write(line)
                    sys.stdout.buffer.flush()


Output: TypeAlias = "Path | Relay"


def output_of(log: Path) -> Output:
    """The file itself, or a relay where the log is `-`."""
    return Relay() if log == STDOUT else log


@contextmanager
def opened(output: Output) -> Iterator[IO[bytes]]:
    """Yield the file for a new server's output; the log of the previous run is kept as `.1`.

    Raises
    ------
    ServerError
        If the file cannot be written.
    """
    with output.opened() if isinstance(output, Relay) else _new_file(output) as sink:
        yield sink


def _new_file(path: Path) -> IO[bytes]:
    try:
        with contextlib.suppress(FileExistsError):  # `open` below explains it better
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            path.replace(path.with_name(path.name + ".1"))
        return path.open("wb")
    except OSError as error:
        raise ServerError(f"cannot write the log {path}: {error.strerror}") from error


def lines_of(output: Output) -> list[str]:
    """Lines of a server's output; of a relay only the last."""
    if isinstance(output, Relay):
        return output.lines()
    return output.read_text(errors="replace").splitlines() if output.is_file() else []


def failure(log: Output, reason: str) -> ServerError:
    """Make an error of the reason, Triton's complaints and the end of its log.

    A log on standard output is not repeated.
    """
    if isinstance(log, Relay):
        return ServerError(reason)
    lines = lines_of(log)
    complaints = [line for line in lines if COMPLAINT.match(line)]
    shown = [*complaints, f"--- last lines of {log}", *lines[-LOG_TAIL_LINES:]]
    return ServerError("\n".join([reason, *shown]))


def start_failure(log: Output, reason: str) -> ServerError:
    """Like `failure`, with a first sentence that names the broken model if the log does."""
    sentences = dict.fromkeys(filter(None, map(explanation, lines_of(log))))
    return failure(log, "\n".join([*sentences, reason]))


def explanation(line: str) -> str | None:
    """Explain a line of the log: which model or flag is wrong, and the remedy.

    >>> explanation("E1122 failed to load 'sad' version 1: Internal: TritonModelException: no file")
    "model 'sad' does not load: no file"
    """
    if match := BAD_FLAG.match(line):
        return f"{match['cause']}; see ./scripts/serve.sh --help, tritonserver --help"
    if match := NOT_READ.match(line):
        return (
            f"model '{match['model']}' has no proper configuration: {_cause(match)}{CONFIG_REMEDY}"
        )
    if match := NOT_LOADED.match(line):
        error = ERROR_TYPE.match(match["cause"])
        remedy = OPTIONS_REMEDY if error and error["type"] == "ConfigError" else ""
        return f"model '{match['model']}' does not load: {_cause(match)}{remedy}"
    return None


def _cause(match: re.Match[str]) -> str:
    """The cause without traceback, type of error, and the model's name again."""
    cause = ERROR_TYPE.sub("", TRACEBACK.sub("", match["cause"]))
    return cause.removeprefix(f"model '{match['model']}': ").replace("\\n", " ")
