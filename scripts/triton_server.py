"""Start, watch and stop one embedded Triton server.

The only code that does so: serve.sh, quickstart, tests and tools all use it.
"""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from processes import alive, children, kill_group

ROOT = Path(__file__).resolve().parent.parent
MODEL_REPOSITORY = ROOT / "model_repo"
LAUNCHER = Path(sys.prefix) / "bin" / "tritonserver"
LOOPBACK = "127.0.0.1"
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 40.0  # Triton itself waits up to 30 s for requests under way
POLL_S = 0.1
WATCH_S = 1.0
LOG_TAIL_LINES = 20
# Without a GPU the one about CudaDriverHelper is always there.
COMPLAINT = re.compile(r"E\d{4} (?!.*CudaDriverHelper)|.*(unrecognized option|requires an arg)")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EVERYWHERE = ("0.0.0.0", "::")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for this machine itself


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


def flag_value(flags: Sequence[str], name: str, default: str) -> str:
    """Value of the last `--name=value` or `--name value` among the flags."""
    following = [*flags[1:], ""]
    values = [
        value if equals else after
        for (flag, equals, value), after in zip(
            (flag.partition("=") for flag in flags), following, strict=True
        )
        if flag == name
    ]
    return values[-1] if values else default


class ServerError(Exception):
    """The server did not start; the text says why and shows the end of its log."""


@dataclass(frozen=True)
class Ports:
    """Ports of the three services; the defaults are Triton's own."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002

    @classmethod
    def free(cls) -> "Ports":
        """Three ports that nothing listens on at the moment."""
        sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(3)]
        numbers = [bound.getsockname()[1] for bound in sockets]
        for bound in sockets:
            bound.close()
        return cls(*numbers)

    def flags(self) -> list[str]:
        """The same as flags of `tritonserver`; only this machine is listened to."""
        ports = [f"--{service}-port={port}" for service, port in asdict(self).items()]
        return [*ports, *(f"--{service}-address={LOOPBACK}" for service in asdict(self))]

    def require_free(self) -> None:
        """Raise ServerError naming the first port that is in use, or that two would share."""
        if len(set(asdict(self).values())) < len(asdict(self)):
            raise ServerError(f"three different ports are needed, got {asdict(self)}")
        for service, port in asdict(self).items():
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    raise ServerError(f"port {port} is in use; choose another --{service}-port")


class TritonServer:
    """A server; as a context manager it is stopped at the end, with every process it started.

    Parameters
    ----------
    log
        File that takes the server's output.
    ports
        Where it listens; by default free ones.
    flags
        Further flags of `tritonserver`; they win over the ones given here.
    """

    def __init__(self, log: Path, ports: Ports | None = None, flags: Sequence[str] = ()) -> None:
        self.log = log
        self.ports = ports or Ports.free()
        self._flags = [f"--model-repository={MODEL_REPOSITORY}", *self.ports.flags(), *flags]
        if any(flag.startswith(("--model-repository", "--model-store")) for flag in flags):
            del self._flags[0]  # Triton adds repositories up instead of letting the last one win
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the gRPC service."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def http_url(self) -> str:
        """Address of the HTTP service."""
        address = flag_value(self._flags, "--http-address", LOOPBACK)
        return f"http://{LOOPBACK if address in EVERYWHERE else address}:{self.ports.http}"

    @property
    def metrics_url(self) -> str:
        """Address of the Prometheus metrics."""
        return f"http://{LOOPBACK}:{self.ports.metrics}/metrics"

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start the server and wait until all models are ready.

        Raises
        ------
        ServerError
            If it exits, or is not ready in time; no process is left then.
        """
        if flag_value(self._flags, "--allow-http", "true").lower() in ("false", "0"):
            raise ServerError(
                "--allow-http=false: readiness is asked over HTTP, leave it on loopback"
            )
        if not LAUNCHER.is_file():
            raise ServerError(f"{LAUNCHER} is missing; run ./scripts/setup.sh")
        self.ports.require_free()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.is_file():  # how the run before ended stays readable
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        try:
            with self.log.open("wb") as log, signals_held():
                self._process = subprocess.Popen(
                    [LAUNCHER, *self._flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=release_signals,
                )
            self._wait_until_ready(time.monotonic() + timeout_s)
        except BaseException:
            self.stop()
            raise

    def watch(self) -> ServerError:
        """Wait until the server ends by itself or loses a process, and return what happened.

        Triton never restarts a Python stub that died: it stays ready and fails requests.
        """
        process = self._running()
        started = children(process.pid)
        while process.poll() is None:
            if lost := started - alive(started):
                return self.failure(f"{len(lost)} process(es) of a model ended unexpectedly")
            time.sleep(WATCH_S)
        return self.failure(f"tritonserver ended with status {process.returncode}")

    def stop(self) -> None:
        """Let requests under way finish, then end every process of the server."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            kill_group(process.pid)  # what it may have left behind, Python stubs above all
            process.wait()
            self._process = None

    def failure(self, reason: str) -> ServerError:
        """Error that says the reason, what Triton complained about, and how its log ends."""
        lines = self.log.read_text(errors="replace").splitlines()
        complaints = [line for line in lines if COMPLAINT.match(line)]
        shown = [*complaints, f"--- last lines of {self.log}", *lines[-LOG_TAIL_LINES:]]
        return ServerError("\n".join([reason, *shown]))

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

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ServerError("the server was not started")
        return self._process

    def _wait_until_ready(self, deadline: float) -> None:
        process = self._running()
        while not self._is_ready():
            if process.poll() is not None:
                raise self.failure(
                    f"tritonserver ended with status {process.returncode} before it was ready"
                )
            if time.monotonic() > deadline:
                raise self.failure("tritonserver was not ready in time")
            time.sleep(POLL_S)

    def _is_ready(self) -> bool:
        try:
            with NO_PROXY.open(f"{self.http_url}/v2/health/ready", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False
