"""serve.sh as its users run it, a process of its own on free ports, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from server.ports import LOOPBACK, Ports
from server.processes import alive, children, command_line, running, stubs
from server.server_flags import PREFIX
from server.server_process import PROXY
from server.shared_memory import SHM
from server.triton_server import ROOT

SERVE = ROOT / "scripts" / "server" / "serve.py"  # serve.sh becomes it when set-up is done
READY_WITHIN_S = 240


class Serving:
    """A running serve.sh.

    Parameters
    ----------
    process
        With standard output and error as text pipes.
    ports
        Where its server listens.
    log
        Of the server.
    """

    def __init__(self, process: subprocess.Popen[str], ports: Ports, log: Path) -> None:
        self.process, self.ports, self.log = process, ports, log
        self.url = f"{LOOPBACK}:{ports.grpc}"
        self.http_url = f"http://{LOOPBACK}:{ports.http}"
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        """The next line that it prints."""
        return self._lines.get(timeout=READY_WITHIN_S)

    def stubs_of(self, model: str) -> list[int]:
        """Pids of the model's processes."""
        return [pid for pid, name in stubs(self.process.pid).items() if name == model]

    def server(self) -> int:
        """Pid of tritonserver."""
        (pid,) = running("tritonserver", self.process.pid)
        return pid

    def proxy(self) -> int:
        """Pid of the proxy in front of it."""
        (pid,) = (pid for pid in children(self.process.pid) if str(PROXY) in command_line(pid))
        return pid

    def shared_memory_prefix(self) -> str:
        """First part of the names of the server's shared memory."""
        (flag,) = (word for word in command_line(self.server()) if PREFIX in word)
        return flag.partition(PREFIX)[2]

    def end(self) -> tuple[int, str]:
        """Wait until it ends; its exit status and what it said on standard error."""
        errors = self.process.stderr.read()
        return self.process.wait(READY_WITHIN_S), errors


@contextmanager
def serving(folder: Path, *flags: str, ports: Ports | None = None) -> Iterator[Serving]:
    """A serve.sh that is ready, or was asked not to wait for; nothing of it outlives the block."""
    ports, log = ports or Ports.free(), folder / "tritonserver.log"
    numbers = ports.flags()
    process = subprocess.Popen(
        [sys.executable, str(SERVE), *numbers, f"--log={log}", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Serving(process, ports, log)
        finally:
            process.send_signal(signal.SIGTERM)


def shared_memory(prefix: str) -> list[str]:
    """Names of the regions with this prefix."""
    assert prefix
    return [name for name in os.listdir(SHM) if name.startswith(prefix)]  # noqa: PTH208


def assert_gone(pids: set[int], prefix: str) -> None:
    """Fail if a process or a region of a server is left."""
    assert not alive(pids)
    assert shared_memory(prefix) == []
