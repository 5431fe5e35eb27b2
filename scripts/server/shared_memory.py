"""Shared memory of servers: its names tell whose it is, so that what a server left can be removed.

Triton's Python backend keeps a region in `/dev/shm` for every process of a model. One that is
killed, and a server killed with it, leaves its regions behind, a megabyte or many each.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from server.processes import PROC, command_line, started_at

SHM = Path("/dev/shm")
_OURS = re.compile(r"diarization_(\d+)_(\d+)_(\d+)_\d+_")  # pid namespace, pid, its start, number
_numbers = itertools.count()


def new_prefix() -> str:
    """First part of the names of one server's regions.

    It names the process that asks, for good: pids are used again, and mean something else in the
    containers that may share the folder.
    """
    pid = os.getpid()
    return f"diarization_{_pid_namespace()}_{pid}_{started_at(pid)}_{next(_numbers)}_"


def sweep(prefix: str, folder: Path = SHM, proc: Path = PROC) -> list[str]:
    """Remove the regions with this prefix that no living process was started with.

    Parameters
    ----------
    prefix
        As `new_prefix` gives it, or another that the server was told to use.
    folder, proc
        Where Linux shows shared memory and processes.

    Returns
    -------
    list[str]
        Names of the regions that are gone.
    """
    if not prefix:
        return []
    names = {path.name for path in folder.iterdir() if path.name.startswith(prefix)}
    return _remove(names - _named_by_the_living(names, proc), folder) if names else []


def sweep_abandoned(folder: Path = SHM, proc: Path = PROC) -> list[str]:
    """Remove the regions of earlier servers: their owner is gone, and so are their processes."""
    abandoned = {
        match[0]
        for path in folder.iterdir()
        if (match := _OURS.match(path.name)) and _is_abandoned(match, proc)
    }
    living = _named_by_the_living(abandoned, proc)  # a server may outlive who started it
    return [name for prefix in abandoned - living for name in sweep(prefix, folder, proc)]


def abandoned_servers(proc: Path = PROC) -> set[int]:
    """Pids of servers whose owner is gone, and with it the proxy through which they are reached."""
    return {
        pid
        for pid, line in _command_lines(proc).items()
        if any(_is_abandoned(match, proc) for match in _OURS.finditer("\0".join(line)))
    }


def _is_abandoned(match: re.Match[str], proc: Path) -> bool:
    namespace, pid, started = match.groups()
    # Of processes in another container nothing is known here, so their regions stay.
    return namespace == _pid_namespace() and started_at(int(pid), proc) != int(started)


def _pid_namespace() -> str:
    return re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))


def _named_by_the_living(names: Iterable[str], proc: Path) -> set[str]:
    """Those of the names that stand in a command line: of a server, or of a model's process."""
    lines = "\0".join("\0".join(line) for line in _command_lines(proc).values())
    return {name for name in names if name in lines}


def _command_lines(proc: Path) -> dict[int, list[str]]:
    pids = (int(folder.name) for folder in proc.glob("[0-9]*"))
    return {pid: command_line(pid, proc) for pid in pids}


def _remove(names: Iterable[str], folder: Path) -> list[str]:
    gone = []
    for name in sorted(names):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            (folder / name).unlink()
            gone.append(name)
    return gone
