"""What processes a command started, and whether they are gone."""

import contextlib
import os
import re
import signal
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
# Fields of `stat`, counted after the name.
STATE, PARENT, GROUP = 0, 1, 2
USER, SYSTEM, START = 11, 12, 19
STUB = "triton_python_backend_stub"  # runs one instance of a model in Python


def children(pid: int, proc: Path = PROC) -> set[int]:
    """Pids of all processes below `pid`, at any depth."""
    parents = _parents(proc)
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found - {pid}


def direct_children(pid: int, proc: Path = PROC) -> set[int]:
    """Pids of the processes that `pid` itself started."""
    return {child for child, parent in _parents(proc).items() if parent == pid}


def group(number: int, proc: Path = PROC) -> set[int]:
    """Pids of all processes of a group, also when the one that began it is gone."""
    return {pid for pid, fields in _all_stats(proc) if int(fields[GROUP]) == number}


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """Program and arguments of a process; nothing if it is gone."""
    try:
        line = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(line).split("\0")[:-1]


def running(program: str, pid: int, proc: Path = PROC) -> list[int]:
    """Processes below `pid` that run a program of this name."""
    below = sorted(children(pid, proc))
    return [child for child in below if _program(command_line(child, proc)) == program]


def stubs(pid: int, proc: Path = PROC) -> dict[int, str]:
    """Processes of a server that run instances of models: pid -> name of the model.

    Parameters
    ----------
    pid
        Of the server, or of a process that started it.
    proc
        Where Linux tells of processes.
    """
    lines = {child: command_line(child, proc) for child in children(pid, proc)}
    models = {child: model for child, line in lines.items() if (model := _model(line))}
    # What a stub starts looks like itself for a moment, until it becomes another program.
    parents = _parents(proc)
    return {child: model for child, model in models.items() if parents.get(child) not in models}


def _program(line: list[str]) -> str:
    return Path(line[0]).name if line else ""


def _model(line: list[str]) -> str | None:
    """Model that a stub runs; none for other programs, and where it only completes its config."""
    if len(line) < 2 or _program(line) != STUB:  # noqa: PLR2004
        return None
    name = Path(line[1]).parts[-3]  # <repository>/<model>/<version>/<file>
    instance = re.compile(rf"{re.escape(name)}_\d+_\d+")
    return name if any(map(instance.fullmatch, line[2:])) else None


def started_at(pid: int, proc: Path = PROC) -> int | None:
    """When a process began, in clock ticks since the machine did; None if it is gone.

    With the pid it names a process for good: pids are used again.
    """
    fields = _stat(proc / str(pid) / "stat")
    return int(fields[START]) if fields else None


def alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that still run; one that ended and was not waited for does not."""
    states = {pid: _stat(PROC / str(pid) / "stat") for pid in pids}
    return {pid for pid, fields in states.items() if fields and fields[STATE] not in "ZX"}


def is_stopped(pid: int, proc: Path = PROC) -> bool:
    """Whether a process was stopped by a signal (SIGSTOP) and not continued."""
    fields = _stat(proc / str(pid) / "stat")
    return bool(fields) and fields[STATE] == "T"


def processor_s(pid: int, proc: Path = PROC) -> float:
    """Seconds of processor time that a process has taken; 0 if it is gone."""
    fields = _stat(proc / str(pid) / "stat")
    return sum(map(int, fields[USER : SYSTEM + 1])) / os.sysconf("SC_CLK_TCK")


def kill_group(number: int) -> None:
    """End at once all processes of a group; none may be left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def _parents(proc: Path) -> dict[int, int]:
    return {child: int(fields[PARENT]) for child, fields in _all_stats(proc)}


def _all_stats(proc: Path) -> list[tuple[int, list[str]]]:
    stats = ((int(path.parent.name), _stat(path)) for path in proc.glob("[0-9]*/stat"))
    return [(pid, fields) for pid, fields in stats if fields]


def _stat(path: Path) -> list[str]:
    """What Linux tells of a process, from the third field on; nothing if it is gone."""
    try:
        # The name before the last ")" is any bytes that the process likes.
        return path.read_bytes().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []
