"""What processes a command started, and whether they are gone."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
STUB = "triton_python_backend_stub"  # runs one instance of a model in Python


def children(pid: int, proc: Path = PROC) -> set[int]:
    """Pids of all processes below `pid`, at any depth."""
    parents = {}
    for stat in proc.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone meanwhile
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found - {pid}


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """Program and arguments of a process; nothing if it is gone."""
    try:
        line = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(line).split("\0")[:-1]


def stubs(pid: int, proc: Path = PROC) -> dict[int, str]:
    """Processes of a server that run models in Python: pid -> name of the model.

    Parameters
    ----------
    pid
        Of the server, or of a process that started it.
    proc
        Where Linux tells of processes.
    """
    lines = {child: command_line(child, proc) for child in children(pid, proc)}
    return {
        child: Path(line[1]).parts[-3]  # <repository>/<model>/<version>/<file>
        for child, line in lines.items()
        if len(line) > 1 and Path(line[0]).name == STUB
    }


def started_at(pid: int, proc: Path = PROC) -> int | None:
    """When a process began, in clock ticks since the machine did; None if it is gone.

    With the pid it names a process for good: pids are used again.
    """
    try:
        return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return None


def alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that still run; one that ended and was not waited for does not."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


def kill_group(group: int) -> None:
    """End at once all processes of a group; none may be left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _state(pid: int) -> str:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
