"""The processes of one run of `tritonserver`: begin them, watch them, end them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from server.processes import alive, group, kill_group
from server.server_log import ServerError
from server.server_output import Output, opened
from server.shared_memory import abandoned_servers
from server.stop_signals import release_signals

LAUNCHER = Path(sys.prefix) / "bin" / "tritonserver"
PROXY = Path(__file__).with_name("proxy.py")
POLL_S = 0.05
GONE_WITHIN_S = 10.0  # after SIGKILL

Process = subprocess.Popen[bytes]


def launcher() -> str:
    """The program `tritonserver` of this environment, else the one on PATH, as in a container."""
    found = str(LAUNCHER) if LAUNCHER.is_file() else shutil.which("tritonserver")
    if found is None:
        raise ServerError(f"{LAUNCHER} is missing; run ./scripts/setup.sh")
    return found


def begin(command: Sequence[str], output: Output, environment: Mapping[str, str]) -> Process:
    """Start the server as a process group of its own that writes into `output`."""
    with opened(output) as sink:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=release_signals,
            env=environment,
        )


def end(process: Process) -> None:
    """End at once what is left of the server, Python stubs above all, and wait until it is gone."""
    kill_group(process.pid)
    process.wait()
    deadline = time.monotonic() + GONE_WITHIN_S
    while (alive(group(process.pid)) or _ours_left(process.pid)) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def end_abandoned() -> None:
    """End servers whose owner was killed: nobody reaches them any more, and they keep memory."""
    pids = abandoned_servers()
    for pid in pids:
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_WITHIN_S
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _ours_left(number: int) -> bool:
    """Whether children of ours are left of a group, as in a container, where orphans become ours.

    One that has ended can be waited for only when its last thread has.
    """
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-number, os.WNOHANG) != (0, 0):
            pass
        return True
    return False


def processes_of(pids: set[int], models: Mapping[int, str]) -> str:
    """How many processes of which models; `models` has "" where none is known."""
    named = sorted({models[pid] for pid in pids} - {""})
    whose = " and ".join(f"model '{name}'" for name in named) or "a model"
    return f"{len(pids)} process(es) of {whose}"


def begin_proxy(flags: Sequence[str]) -> Process:
    """Start the proxy; it ends when we do, since its standard input does then."""
    return subprocess.Popen(
        [sys.executable, str(PROXY), *flags],
        stdin=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=release_signals,
        env={"GRPC_VERBOSITY": "NONE", **os.environ},
    )


def end_proxy(process: Process) -> None:
    """End the proxy and wait until it is gone."""
    process.terminate()
    try:
        process.communicate(timeout=GONE_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
