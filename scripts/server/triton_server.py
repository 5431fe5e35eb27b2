"""Start, watch and stop one embedded Triton server, and the proxy in front of it.

The only code that does so: serve.sh, quickstart, tests and tools all use it. Clients reach the
proxy alone; it stays while Triton is started again.
"""

import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from server import door
from server.hung_stubs import HungStubs
from server.ports import LOOPBACK, Ports
from server.processes import alive, direct_children, stubs
from server.readiness import HANGING, http_url, not_ready
from server.server_flags import (
    closing_flags,
    flag_value,
    given_prefix,
    private_flags,
    proxy_flags,
    repository_flags,
    require_possible,
    shared_memory_flags,
    sockets_at,
)
from server.server_log import ServerError, failure, start_failure
from server.server_output import Relay, output_of
from server.server_process import (
    Process,
    begin,
    begin_proxy,
    end,
    end_abandoned,
    end_proxy,
    launcher,
    processes_of,
)
from server.shared_memory import SHM, new_prefix, sweep, sweep_abandoned
from server.stop_signals import signals_held

__all__ = ["LOOPBACK", "MODEL_REPOSITORY", "ROOT", "Ports", "ServerError", "TritonServer"]

ROOT = Path(__file__).resolve().parents[2]
MODEL_REPOSITORY = ROOT / "model_repo"
CLIENT_MODELS = "run"
READY_TIMEOUT_S = 120.0
DRAIN_S = 30.0  # for requests that are worked on when the server is to stop
STOP_TIMEOUT_S = 20.0  # for Triton itself, to unload its models
ANSWER_S = 0.2  # from the end of the work on an answer until it is sent
POLL_S = 0.1
WATCH_S = 0.25
ASK_S = 1.0  # between two looks at what a server does
SILENT_S = 12.0  # a proxy that answers nothing for so long hangs
LOSS_S = 10.0  # from the loss of a process while models load until Triton itself has given up


class TritonServer:
    """A server; as a context manager it is stopped at the end, with every process it started.

    Parameters
    ----------
    log
        File that takes the server's output; `-` is standard output.
    ports
        Where it listens; by default free ones.
    flags
        Further flags of `tritonserver`; they win over the ones given here.
    client_models
        Names of the models that clients may call, with commas in between; `*` stands for all.

    Attributes
    ----------
    shared_memory_prefix
        First part of the names of its regions in `/dev/shm`.
    """

    def __init__(
        self,
        log: Path,
        ports: Ports | None = None,
        flags: Sequence[str] = (),
        client_models: str = CLIENT_MODELS,
    ) -> None:
        self.log = log
        self._output = output_of(log)
        self.ports = ports or Ports.free()
        own_prefix = new_prefix()
        self.shared_memory_prefix = given_prefix(flags) or own_prefix
        self._door = door.Door(SHM / f"{own_prefix}door")
        self._given = list(flags)
        self._sockets = sockets_at(SHM / own_prefix)
        self._flags = [
            *repository_flags(flags, MODEL_REPOSITORY),
            *shared_memory_flags(flags, own_prefix),
            *closing_flags(flags),
            *private_flags(flags, self._sockets),
        ]
        self._proxy_flags = proxy_flags(flags, asdict(self.ports), self._sockets, client_models)
        self._process: Process | None = None
        self._proxy: Process | None = None
        self._models: dict[int, str] = {}  # pids that must not end -> model, "" where none is known

    @property
    def url(self) -> str:
        """Address of the gRPC service."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def http_url(self) -> str:
        """Address of the HTTP service."""
        return http_url(self.ports.http, self._given)

    @property
    def metrics_url(self) -> str:
        """Address of the Prometheus metrics."""
        return f"http://{LOOPBACK}:{self.ports.metrics}/metrics"

    @property
    def pid(self) -> int:
        """Pid of the running server; `processes.stubs` tells those of its models."""
        return self._running().pid

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start the server and wait until all models are ready.

        Raises
        ------
        ServerError
            If it exits, or is not ready in time; no process is left then.
        """
        require_possible(self._given)
        command = [launcher(), *self._flags]
        with self._in_front():
            end_abandoned()
            sweep_abandoned()
            try:
                self._door.open()
                with signals_held():
                    self._process = begin(command, self._output, door.environment(self._door))
                self._wait_until_ready(time.monotonic() + timeout_s)
            except BaseException:
                self.kill(drain_s=0)
                self._door.remove()
                raise

    @contextmanager
    def _in_front(self) -> Iterator[None]:
        """Have a proxy while the server starts, and after that if it did; one may be there."""
        if self._proxy and self._proxy.poll() is None:
            yield
            return
        self._end_proxy()
        self.ports.require_free()
        try:
            with signals_held():
                self._proxy = begin_proxy(self._proxy_flags)
            yield
        except BaseException:
            self._end_proxy()
            raise

    def watch(self) -> ServerError:
        """Wait until the server ends by itself, loses a process or hangs; return what happened.

        Triton never restarts a Python stub that died, and does not notice one that hangs: it stays
        ready and fails requests.
        """
        hung = HungStubs(self.pid, self._models, self._door.path)
        asked_s = self._answered_s = time.monotonic()
        while True:
            fault = self._ended()
            if not fault and time.monotonic() - asked_s > ASK_S:
                fault = self._hanging(hung)
                asked_s = time.monotonic()
            if fault:
                return failure(self._output, fault)
            time.sleep(WATCH_S)

    def _ended(self) -> str:
        """What ended by itself: the server, a process of it, the proxy; "" for nothing."""
        if (status := self._running().poll()) is not None:
            return f"tritonserver ended with status {status}"
        if lost := self._models.keys() - alive(self._models):
            return f"{processes_of(lost, self._models)} ended unexpectedly"
        if self._proxy is not None and (status := self._proxy.poll()) is not None:
            return f"the proxy ended with status {status}"
        return ""

    def _hanging(self, hung: HungStubs) -> str:
        """What hangs; "" for nothing."""
        if found := hung.found():
            return f"{processes_of(found, self._models)} hang"
        reason = not_ready(self.http_url)
        if reason is not None:
            self._answered_s = time.monotonic()
            return reason if reason.startswith(HANGING) else ""
        if time.monotonic() - self._answered_s < SILENT_S:
            return ""
        self._end_proxy()
        return "the proxy does not answer"

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Let requests that are worked on finish, refuse others, then end every process.

        Parameters
        ----------
        drain_s
            Seconds that they get; after that those of `run` fail as unavailable.
        """
        process = self._process
        try:
            if process is not None:
                self._drain(drain_s)
                process.terminate()
                process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process is not None:
                self._end(process)
            self._end_proxy()

    def kill(self, drain_s: float) -> None:
        """End Triton without its own orderly end, which waits for a lost process.

        The proxy stays, and says that the server starts again.
        """
        process = self._process
        if process is None:
            return
        try:
            self._drain(drain_s)
        finally:
            self._end(process)

    def __enter__(self) -> "TritonServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> Process:
        if self._process is None:
            raise ServerError("the server was not started")
        return self._process

    def _drain(self, seconds: float) -> None:
        if seconds > 0 and self._running().poll() is None and self._door.close(seconds):
            time.sleep(ANSWER_S)

    def _end(self, process: Process) -> None:
        """End what is left of the server, Python stubs above all, and remove what it left."""
        end(process)
        if isinstance(self._output, Relay):
            self._output.finish()
        sweep(self.shared_memory_prefix)
        self._door.remove()
        for socket in self._sockets:
            socket.unlink(missing_ok=True)
        self._process, self._models = None, {}

    def _end_proxy(self) -> None:
        if self._proxy is not None:
            end_proxy(self._proxy)
        self._proxy = None

    def _wait_until_ready(self, deadline: float) -> None:
        process = self._running()
        models: dict[int, str] = {}
        lost_at = math.inf
        while not_ready(self.http_url) != "":
            models.update(stubs(process.pid))
            if lost := models.keys() - alive(models):
                lost_at = min(lost_at, time.monotonic())
            if fault := self._ended():
                raise start_failure(self._output, f"{fault} before it was ready")
            if time.monotonic() > lost_at + LOSS_S:
                raise start_failure(
                    self._output, f"{processes_of(lost, models)} ended unexpectedly"
                )
            if time.monotonic() > deadline:
                raise start_failure(self._output, "tritonserver was not ready in time")
            time.sleep(POLL_S)
        self._models = self._to_be_kept(models)

    def _to_be_kept(self, models: dict[int, str]) -> dict[int, str]:
        """Those seen while models loaded, and all that are there now."""
        if flag_value(self._flags, "--model-control-mode", "none") != "none":
            return {}  # models that are unloaded lose their processes by right
        return {**models, **dict.fromkeys(alive(direct_children(self.pid)), ""), **stubs(self.pid)}
