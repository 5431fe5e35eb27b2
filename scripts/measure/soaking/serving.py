"""serve.py as its users run it: a process that says when it is ready, and ready again."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from measure.evaluation import ROOT
from measure.soaking.alone import SoakError
from server.ports import LOOPBACK, Ports
from server.processes import running, stubs

SERVER = "tritonserver"
READY_WITHIN_S = 300.0
STOPPED_WITHIN_S = 90.0


class Serving:
    """A running serve.py.

    Parameters
    ----------
    process : subprocess.Popen[str]
        With standard output and error in one pipe of text.
    ports : Ports
        Where it listens.
    """

    def __init__(self, process: "subprocess.Popen[str]", ports: Ports) -> None:
        self.ports, self.url = ports, f"{LOOPBACK}:{ports.grpc}"
        self._process = process
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def ready(self) -> str:
        """Wait until it says that it is ready, for the first time or again; the line it says.

        Raises
        ------
        SoakError
            If it says something else, or nothing.
        """
        try:
            line = self._lines.get(timeout=READY_WITHIN_S)
            while line.startswith("proxy: "):  # which request the server crashed over
                line = self._lines.get(timeout=READY_WITHIN_S)
        except Empty:
            raise SoakError(f"serve.py said nothing for {READY_WITHIN_S:g} s") from None
        if not line.startswith("ready"):
            raise SoakError(f"serve.py said {line!r}, expected ready")
        return line

    def pid_of(self, victim: str) -> int:
        """A process of the server: `tritonserver`, or the first that runs a model of this name.

        Raises
        ------
        SoakError
            If there is none.
        """
        pid = self._process.pid
        of_models = [child for child, model in sorted(stubs(pid).items()) if model == victim]
        servers = running(SERVER, pid) if victim == SERVER else []
        for found in [*of_models, *servers]:
            return found
        raise SoakError(f"the server has no process of {victim}")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line.rstrip("\n"))


@contextlib.contextmanager
def serving(log: Path) -> Iterator[Serving]:
    """Start serve.py on free ports; it is stopped at the end, with all that it started."""
    ports = Ports.free()
    serve = str(ROOT / "scripts" / "server" / "serve.py")
    command = [sys.executable, serve, f"--log={log}", *ports.flags()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield Serving(process, ports)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOPPED_WITHIN_S)
