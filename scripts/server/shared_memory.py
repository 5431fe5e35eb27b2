"""Shared memory of servers, and what is left of servers whose owner was killed.

Triton's Python backend keeps a region in `/dev/shm` for every process of a model. A server that is
killed leaves its regions behind, each of a megabyte or more. Their names say which process started
the server, so the next server can remove them.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from server.processes import kill_processes, started_at

SHM = Path("/dev/shm")
_OURS = re.compile(r"diarization_(\d+)_(\d+)_(\d+)_\d+_")  # pid namespace, pid, its start, number
_numbers = itertools.count()


def new_prefix() -> str:
    """Make a new first part for the names of one server's regions.

    It identifies this process for good: pids are reused, and mean something else in containers that
    share the folder.
    """
    pid = os.getpid()
    return f"diarization_{_pid_namespace()}_{pid}_{started_at(pid)}_{next(_numbers)}_"


def remove_abandoned() -> None:
    """End servers whose owner was killed, and remove the shared memory of earlier servers.

    Such servers are out of reach, because their proxy is gone, and keep memory.
    """
    kill_processes(abandoned_servers(_command_lines()))
    sweep_abandoned()


def sweep(prefix: str, folder: Path = SHM) -> list[str]:
    """Remove the regions with this prefix that no running process was started with.

    Parameters
    ----------
    prefix
        As `new_prefix` returns it, or another that the server uses.
    folder
        Where Linux shows shared memory.

    Returns
    -------
    list[str]
        Names of the removed regions.
    """
    if not prefix:
        return []
    names = {path.name for path in folder.iterdir() if path.name.startswith(prefix)}
    return _remove(names - _in_use(names), folder) if names else []


def sweep_abandoned(folder: Path = SHM) -> list[str]:
    """Remove regions of which both the owner and all processes are gone."""
    abandoned = {
        match[0]
        for path in folder.iterdir()
        if (match := _OURS.match(path.name)) and _is_abandoned(match)
    }
    in_use = _in_use(abandoned)  # a server may outlive its owner
    return [name for prefix in abandoned - in_use for name in sweep(prefix, folder)]


def abandoned_servers(command_lines: Mapping[int, str]) -> set[int]:
    """Pids of the servers, by their command lines, whose owner is gone."""
    return {
        pid for pid, line in command_lines.items() if any(map(_is_abandoned, _OURS.finditer(line)))
    }


def _is_abandoned(match: re.Match[str]) -> bool:
    namespace, pid, started = match.groups()
    # Processes of another container are invisible, so its regions stay.
    return namespace == _pid_namespace() and started_at(int(pid)) != int(started)


def _pid_namespace() -> str:
    return re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))


def _in_use(names: Iterable[str]) -> set[str]:
    """The names that occur in the command line of a server or of a model's process."""
    lines = "\0".join(_command_lines().values())
    return {name for name in names if name in lines}


def _command_lines() -> dict[int, str]:
    processes = psutil.process_iter(["cmdline"])
    return {each.pid: "\0".join(each.info["cmdline"] or ()) for each in processes}


def _remove(names: Iterable[str], folder: Path) -> list[str]:
    removed = []
    for name in sorted(names):
        with contextlib.suppress(OSError):  # of another user, or already gone
            (folder / name).unlink()
            removed.append(name)
    return removed
