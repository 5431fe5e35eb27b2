"""Processes of a server: find them, start them, end them, and SIGINT and SIGTERM meanwhile."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from server.server_log import Output, ServerError, opened

LAUNCHER = Path(sys.prefix) / "bin" / "tritonserver"
PROXY = Path(__file__).with_name("proxy.py")
STUB = "triton_python_backend_stub"  # runs one instance of a model in Python
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOT_READY = signal.SIGUSR1  # to the proxy: it says that it is not ready, but passes requests on
POLL_S = 0.05
GONE_WITHIN_S = 10.0  # after SIGKILL
_START_TIME = 19  # field of /proc/<pid>/stat, counted after the name

Process = subprocess.Popen[bytes]
Answer = TypeVar("Answer")


def _ask(pid: int, question: Callable[[psutil.Process], Answer], if_gone: Answer) -> Answer:
    try:
        return question(psutil.Process(pid))
    except psutil.Error:
        return if_gone


def children(pid: int) -> set[int]:
    """Pids of all processes below `pid`, at any depth."""
    return _ask(pid, lambda process: {each.pid for each in process.children(recursive=True)}, set())


def direct_children(pid: int) -> set[int]:
    """Pids of the processes that `pid` itself started."""
    return _ask(pid, lambda process: {each.pid for each in process.children()}, set())


def group(number: int) -> set[int]:
    """Pids of all processes of a group, even if its first process is gone."""
    return {pid for pid in psutil.pids() if _group_of(pid) == number}


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def command_line(pid: int) -> list[str]:
    """Program and arguments of a process; empty if it is gone."""
    return _ask(pid, psutil.Process.cmdline, [])


def running(program: str, pid: int) -> list[int]:
    """Processes below `pid` that run a program of this name."""
    return [child for child in sorted(children(pid)) if _program(command_line(child)) == program]


def stubs(pid: int) -> dict[int, str]:
    """Processes below `pid` that run instances of models: pid -> name of the model."""
    lines = {child: command_line(child) for child in children(pid)}
    models = {child: model for child, line in lines.items() if (model := _model(line))}
    # What a stub starts has the same command line until it executes another program.
    return {
        child: model
        for child, model in models.items()
        if _ask(child, psutil.Process.ppid, 0) not in models
    }


def _program(line: list[str]) -> str:
    return Path(line[0]).name if line else ""


def _model(line: list[str]) -> str | None:
    """Model of a stub; None for other programs, and for a stub that only completes a config."""
    if len(line) < 2 or _program(line) != STUB:  # noqa: PLR2004
        return None
    name = Path(line[1]).parts[-3]  # <repository>/<model>/<version>/<file>
    instance = re.compile(rf"{re.escape(name)}_\d+_\d+")
    return name if any(map(instance.fullmatch, line[2:])) else None


def started_at(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it is gone.

    Pids are reused; a pid with its start time is unique. psutil gives the time of day instead,
    which shifts when the clock of the machine is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[_START_TIME])


def alive(pids: Iterable[int]) -> set[int]:
    """The processes that still run; a zombie does not."""
    ended = ("", psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return {pid for pid in pids if _ask(pid, psutil.Process.status, "") not in ended}


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal (SIGSTOP)."""
    return _ask(pid, psutil.Process.status, "") == psutil.STATUS_STOPPED


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; 0 if it is gone."""
    return _ask(pid, lambda process: sum(process.cpu_times()[:2]), 0.0)


def describe(pids: Iterable[int], models: Mapping[int, str]) -> str:
    """How many processes of which models; `models` has "" where the model is unknown."""
    of_pids = [models[pid] for pid in pids]
    names = " and ".join(f"model '{name}'" for name in sorted({*of_pids} - {""})) or "a model"
    return f"{len(of_pids)} process(es) of {names}"


def launcher() -> str:
    """The program `tritonserver` of this environment, else the one on PATH, as in a container."""
    found = str(LAUNCHER) if LAUNCHER.is_file() else shutil.which("tritonserver")
    if found is None:
        raise ServerError(f"{LAUNCHER} is missing; run ./scripts/setup.sh")
    return found


def start_triton(command: Sequence[str], output: Output, environment: Mapping[str, str]) -> Process:
    """Start the server as a process group of its own that writes into `output`."""
    with opened(output) as sink:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=unblock_signals,
            env=environment,
        )


def kill_triton(process: Process) -> None:
    """Kill the server with its Python stubs, and wait until they are gone."""
    kill_group(process.pid)
    process.wait()
    deadline = time.monotonic() + GONE_WITHIN_S
    while (alive(group(process.pid)) or _reap(process.pid)) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def kill_group(number: int) -> None:
    """Kill all processes of a group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def _reap(number: int) -> bool:
    """Wait for dead children of ours in a group; whether some are left.

    In a container orphans become our children. One can be waited for only when its last thread has
    ended.
    """
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-number, os.WNOHANG) != (0, 0):
            pass
        return True
    return False


def kill_processes(pids: Iterable[int]) -> None:
    """Kill processes that are not our children, and wait until they are gone."""
    pids = set(pids)
    for pid in pids:
        with contextlib.suppress(OSError):  # already gone, or of another user
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_WITHIN_S
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def start_proxy(flags: Sequence[str]) -> Process:
    """Start the proxy; it ends with this process, because its standard input does."""
    return subprocess.Popen(
        [sys.executable, str(PROXY), *flags],
        stdin=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=unblock_signals,
        env={"GRPC_VERBOSITY": "NONE", **os.environ},
    )


def stop(process: Process, timeout_s: float = GONE_WITHIN_S) -> None:
    """Terminate a child process, kill it if it does not end in time, and wait until it is gone."""
    process.terminate()
    try:
        process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def exit_on_signals() -> None:
    """Turn SIGINT and SIGTERM into SystemExit, so that servers are stopped on the way out."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Delay SIGINT and SIGTERM, so that none comes before the pid of a new process is noted."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        unblock_signals()


def unblock_signals() -> None:
    """Deliver delayed signals; also run in a new process, which inherits that they are blocked."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
