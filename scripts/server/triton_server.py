"""Start and stop one embedded Triton server, and the proxy in front of it.

serve.sh, quickstart, webapp, tests and measuring programs all start it here. Clients reach only the
proxy, which stays while Triton is restarted. Restarts are decided in `supervisor`.
"""

import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from server.drain_lock import DrainLock
from server.flags import (
    LOOPBACK,
    Ports,
    flag_value,
    given_prefix,
    lockdown_flags,
    private_flags,
    proxy_flags,
    repository_flags,
    require_supported,
    shared_memory_flags,
    sockets_at,
)
from server.processes import (
    NOT_READY,
    Process,
    alive,
    describe,
    direct_children,
    kill_triton,
    launcher,
    signals_blocked,
    start_proxy,
    start_triton,
    stop,
    stubs,
)
from server.readiness import http_url, not_ready
from server.server_log import Relay, ServerError, output_of, start_failure
from server.shared_memory import SHM, new_prefix, remove_abandoned, sweep

__all__ = ["LOOPBACK", "MODEL_REPOSITORY", "ROOT", "Ports", "ServerError", "TritonServer"]

ROOT = Path(__file__).resolve().parents[2]
MODEL_REPOSITORY = ROOT / "model_repo"
CLIENT_MODELS = "run,stream"
READY_TIMEOUT_S = 120.0
DRAIN_S = 30.0  # for requests under way when the server is stopped
STOP_TIMEOUT_S = 20.0  # for Triton itself, to unload its models
ANSWER_S = 0.2  # from the end of the work on an answer until it is sent
PORT_VARIABLE = "DIARIZATION_PORT"  # the model `stream` keeps files under it
POLL_S = 0.1
LOSS_S = 10.0  # from the loss of a process while models load until Triton itself gives up


class TritonServer:
    """A server; as a context manager it starts, and is stopped with all its processes at the end.

    Parameters
    ----------
    log
        File for the server's output; `-` is standard output.
    ports
        Where it listens; free ports by default.
    flags
        Further flags of `tritonserver`; they win over the default ones.
    client_models
        Names of the models that clients may call, separated by commas; `*` is all.

    Attributes
    ----------
    shared_memory_prefix
        First part of the names of its regions in `/dev/shm`.
    models
        Pids of the processes that must not end -> model, "" where it is unknown.
    """

    def __init__(
        self,
        log: Path,
        ports: Ports | None = None,
        flags: Sequence[str] = (),
        client_models: str = CLIENT_MODELS,
    ) -> None:
        self.log = log
        self.output = output_of(log)
        self.ports = ports or Ports.free()
        own_prefix = new_prefix()
        self.shared_memory_prefix = given_prefix(flags) or own_prefix
        self.drain_lock = DrainLock(SHM / f"{own_prefix}drain")
        self._given = list(flags)
        self._sockets = sockets_at(SHM / own_prefix)
        self._flags = [
            *repository_flags(flags, MODEL_REPOSITORY),
            *shared_memory_flags(flags, own_prefix),
            *lockdown_flags(flags),
            *private_flags(flags, self._sockets),
        ]
        self._proxy_flags = proxy_flags(
            flags, asdict(self.ports), self._sockets, self.drain_lock.path, client_models
        )
        self._process: Process | None = None
        self._proxy: Process | None = None
        self.models: dict[int, str] = {}

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
        """Pid of tritonserver; `processes.stubs` finds those of its models."""
        return self._running().pid

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start the server and wait until all models are ready.

        Raises
        ------
        ServerError
            If it exits, or is not ready in time; its processes are ended then.
        """
        require_supported(self._given)
        command = [launcher(), *self._flags]
        with self._proxy_in_front():
            remove_abandoned()
            try:
                self.drain_lock.open()
                with signals_blocked():
                    self._process = start_triton(command, self.output, self._environment())
                self._wait_until_ready(time.monotonic() + timeout_s)
            except BaseException:
                self.kill(drain_s=0)
                self.drain_lock.remove()
                raise

    @contextmanager
    def _proxy_in_front(self) -> Iterator[None]:
        """Keep the proxy, or start one; a new one is stopped if the server does not start."""
        if self._proxy and self._proxy.poll() is None:
            yield
            return
        self.stop_proxy()
        self.ports.require_free()
        try:
            with signals_blocked():
                self._proxy = start_proxy(self._proxy_flags)
            yield
        except BaseException:
            self.stop_proxy()
            raise

    def ended(self) -> str:
        """What has ended by itself: the server, a process of it, the proxy; "" for nothing."""
        if (status := self._running().poll()) is not None:
            return f"tritonserver ended with status {status}"
        if lost := self.models.keys() - alive(self.models):
            return f"{describe(lost, self.models)} ended unexpectedly"
        if self._proxy is not None and (status := self._proxy.poll()) is not None:
            return f"the proxy ended with status {status}"
        return ""

    def stop(self, drain_s: float = DRAIN_S, delay_s: float = 0.0) -> None:
        """Refuse new requests, let those under way finish, then end every process.

        Parameters
        ----------
        drain_s
            Maximum seconds for requests under way; after that those of `run` fail as unavailable.
        delay_s
            Seconds before, in which it is not ready but accepts requests.
        """
        process = self._process
        try:
            if process is not None:
                if delay_s and self._proxy is not None:
                    self._proxy.send_signal(NOT_READY)
                    time.sleep(delay_s)
                self._drain(drain_s)
                process.terminate()
                process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process is not None:
                self._end(process)
            self.stop_proxy()

    def kill(self, drain_s: float) -> None:
        """Kill Triton, because its own shutdown would wait for a lost process.

        The proxy stays, and answers that the server is starting again.
        """
        process = self._process
        if process is None:
            return
        try:
            self._drain(drain_s)
        finally:
            self._end(process)

    def stop_proxy(self) -> None:
        """Stop the proxy if it runs."""
        if self._proxy is not None:
            stop(self._proxy)
        self._proxy = None

    def __enter__(self) -> "TritonServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running(self) -> Process:
        if self._process is None:
            raise ServerError("the server was not started")
        return self._process

    def _environment(self) -> dict[str, str]:
        return {**self.drain_lock.environment(), PORT_VARIABLE: str(self.ports.grpc)}

    def _drain(self, seconds: float) -> None:
        if seconds > 0 and self._running().poll() is None and self.drain_lock.drain(seconds):
            time.sleep(ANSWER_S)

    def _end(self, process: Process) -> None:
        """Kill what is left of the server, and remove its files."""
        kill_triton(process)
        if isinstance(self.output, Relay):
            self.output.finish()
        sweep(self.shared_memory_prefix)
        self.drain_lock.remove()
        for socket in self._sockets:
            socket.unlink(missing_ok=True)
        self._process, self.models = None, {}

    def _wait_until_ready(self, deadline: float) -> None:
        process = self._running()
        models: dict[int, str] = {}
        lost_at = math.inf
        while not_ready(self.http_url) != "":
            models.update(stubs(process.pid))
            if lost := models.keys() - alive(models):
                lost_at = min(lost_at, time.monotonic())
            if fault := self.ended():
                raise start_failure(self.output, f"{fault} before it was ready")
            if time.monotonic() > lost_at + LOSS_S:
                raise start_failure(self.output, f"{describe(lost, models)} ended unexpectedly")
            if time.monotonic() > deadline:
                raise start_failure(self.output, "tritonserver was not ready in time")
            time.sleep(POLL_S)
        self.models = self._must_not_end(models)

    def _must_not_end(self, models: dict[int, str]) -> dict[int, str]:
        """Processes seen while models loaded, and all that run now."""
        if flag_value(self._flags, "--model-control-mode", "none") != "none":
            return {}  # clients may unload models, which ends their processes
        return {**models, **dict.fromkeys(alive(direct_children(self.pid)), ""), **stubs(self.pid)}
