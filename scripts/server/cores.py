"""How many cores this process may use: its affinity, and what its control groups allow it.

A container that is limited to two of 64 cores sees all 64; more threads than two would wait for
each other. Source: the kernel's `cgroup-v2.rst` (`cpu.max`) and `sched-bwc.rst` (`cpu.cfs_*`).
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROC_CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def available_cores(proc_cgroup: Path = PROC_CGROUP, cgroups: Path = CGROUPS) -> int:
    """Whole cores, at least one; a share of a core counts as one."""
    quotas = (math.ceil(quota) for quota in cpu_quotas(proc_cgroup, cgroups))
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def cpu_quotas(proc_cgroup: Path, cgroups: Path) -> Iterator[float]:
    """Cores allowed by each control group of this process that sets a limit, versions 1 and 2."""
    for line in _text(proc_cgroup).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            for folder in _up_from(cgroups, path):
                yield from _quota(_text(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for folder in _up_from(cgroups / "cpu", path):
                quota = _text(folder / "cpu.cfs_quota_us")
                yield from _quota(f"{quota} {_text(folder / 'cpu.cfs_period_us')}")


def _up_from(root: Path, path: str) -> Iterator[Path]:
    """Folders of a group and of all above it; inside a container they may begin at the root."""
    group = PurePosixPath(path.lstrip("/"))
    yield from (root / each for each in (group, *group.parents))


def _quota(text: str) -> Iterator[float]:
    """Cores from "quota period" in microseconds; nothing for "max", -1 or no such file."""
    fields = text.split()
    if len(fields) == 2 and fields[0].isdigit() and int(fields[1]) > 0:  # noqa: PLR2004
        yield int(fields[0]) / int(fields[1])


def _text(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())  # a group's name need not be UTF-8
    except OSError:
        return ""
