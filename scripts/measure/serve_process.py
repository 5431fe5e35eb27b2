"""serve.py as a process of its own: start it, read what it prints, find its processes, stop it.

The soak test and the end-to-end tests run the service through this.
"""

import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from server.flags import LOOPBACK, SHM_PREFIX, Ports
from server.processes import PROXY, children, command_line, kill_processes, running, stubs
from server.server_log import ServerError
from server.triton_server import ROOT

SERVE = ROOT / "scripts" / "server" / "serve.py"  # serve.sh becomes it when set-up is done
TRITON = "tritonserver"
LINE_WITHIN_S = 300.0
STOPPED_WITHIN_S = 240.0  # some tests drain for two minutes
PIPE_CLOSED_WITHIN_S = 5.0


class ServeProcess:
    """A serve.py that has been started.

    Parameters
    ----------
    log
        File for the output of Triton.
    flags
        Further flags of serve.py.
    ports
        Where the server listens; free ports by default.
    """

    def __init__(self, log: Path, *flags: str, ports: Ports | None = None) -> None:
        self.ports, self.log = ports or Ports.free(), log
        self.url = f"{LOOPBACK}:{self.ports.grpc}"
        self.http_url = f"http://{LOOPBACK}:{self.ports.http}"
        # Not a pipe: one that is not read would block serve.py.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        command = [sys.executable, str(SERVE), *self.ports.flags(), f"--log={log}", *flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None  # a pipe, see above
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    def line(self) -> str:
        """Wait for the next line on standard output; "" at its end.

        Raises
        ------
        ServerError
            If none comes within five minutes.
        """
        try:
            return self._lines.get(timeout=LINE_WITHIN_S)
        except Empty:
            raise ServerError(f"serve.py printed nothing for {LINE_WITHIN_S:g} s") from None

    def wait_until_ready(self) -> str:
        """Wait until it prints that it is ready, for the first time or again, and return the line.

        Raises
        ------
        ServerError
            If it prints something else, or nothing.
        """
        line = self.line()
        if not line.startswith("ready"):
            got = line or self.errors().strip()
            raise ServerError(f"expected a line 'ready' from serve.py, got {got!r}")
        return line

    def errors(self) -> str:
        """All that it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def wait(self) -> tuple[int, str]:
        """Wait until it ends by itself; its exit status and standard error."""
        return self.process.wait(STOPPED_WITHIN_S), self.errors()

    def stop(self) -> None:
        """Stop it and all its processes.

        Raises
        ------
        ServerError
            If it does not end by itself; all of it is killed then.
        """
        processes = [self.process.pid, *children(self.process.pid)]
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            kill_processes(processes)
            self.process.wait()
            raise ServerError(
                f"serve.py did not stop within {STOPPED_WITHIN_S:g} s and was killed"
            ) from None
        finally:
            self._reader.join(PIPE_CLOSED_WITHIN_S)
            self._errors.close()

    def pid_of(self, victim: str) -> int:
        """Pid of tritonserver, or of the first process that runs a model of this name.

        Raises
        ------
        ServerError
            If there is none.
        """
        pids = running(TRITON, self.process.pid) if victim == TRITON else self.stubs_of(victim)
        if not pids:
            raise ServerError(f"the server has no process of {victim}")
        return pids[0]

    def stubs_of(self, model: str) -> list[int]:
        """Pids of the processes that run a model, in ascending order."""
        return sorted(pid for pid, name in stubs(self.process.pid).items() if name == model)

    def proxy(self) -> int:
        """Pid of the proxy."""
        (pid,) = (pid for pid in children(self.process.pid) if str(PROXY) in command_line(pid))
        return pid

    def shared_memory_prefix(self) -> str:
        """First part of the names of the server's shared memory."""
        (flag,) = (word for word in command_line(self.pid_of(TRITON)) if SHM_PREFIX in word)
        return flag.partition(SHM_PREFIX)[2]


@contextlib.contextmanager
def serving(log: Path, *flags: str, ports: Ports | None = None) -> Iterator[ServeProcess]:
    """Start serve.py, and stop it at the end of the block; the block waits until it is ready."""
    server = ServeProcess(log, *flags, ports=ports)
    try:
        yield server
    finally:
        server.stop()
