"""`tritonserver` without a container: the binary and Python backend of the `nvidia-pytriton` wheel.

Set-up puts a command that runs this file into the virtual environment's `bin/`, so `tritonserver
--model-repository=model_repo` is the same command here and in NVIDIA's image. All flags are passed
on; the process is replaced by the server (`exec`), so its pid, signals and exit status are the
server's own.

It uses the standard library alone: set-up runs it before there is an environment.
"""

import ctypes
import filecmp
import math
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BACKENDS = Path(sys.prefix) / "share" / "triton" / "backends"
HERE = Path(__file__).resolve().parent
ONNXRUNTIME_BACKEND = HERE / "backends" / "onnxruntime" / "model.py"
GPU_MODELS = HERE / "gpu_models"
GPU_CHECK = "import torch, torchaudio; torch.ones(1, device='cuda').item()"

PROC_CPUINFO = Path("/proc/cpuinfo")
PROC_CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
THREADS = "DIARIZATION_THREADS"  # of each net; overrides the number of cores
PRECISION = "DIARIZATION_PRECISION"  # of the nets; overrides what the processor is made for
PRECISIONS = ("fp32", "bf16", "int8", "int8+bf16")
# Flags of processors that multiply bfloat16, and 8-bit integers. With AMX bfloat16 is fast enough.
AMX_FLAG, BFLOAT16_FLAG, INT8_FLAGS = "amx_bf16", "avx512_bf16", {"avx512_vnni", "avx_vnni"}
# glibc keeps freed memory: an arena per thread, and ever larger blocks. With one arena, and large
# blocks returned at once, the processes of the server hold half as much between requests.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
}


class LaunchError(Exception):
    """Something the server needs is missing; the message says how to get it."""


def site_packages() -> Path:
    """Directory of this environment that holds the Triton binaries."""
    for directory in map(Path, site.getsitepackages()):
        if (directory / "pytriton" / "tritonserver" / "bin" / "tritonserver").is_file():
            return directory
    raise LaunchError(
        "Triton binaries not found in this Python environment; run ./scripts/setup.sh"
    )


def libpython_directory() -> Path | None:
    """Directory of the shared libpython that the Python stub is linked against.

    None if the system's loader finds it by itself.
    """
    name = f"libpython{PYTHON_VERSION}.so.1.0"
    for directory in (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib"):
        if directory and Path(directory, name).is_file():
            return Path(directory)
    try:
        ctypes.CDLL(name)
    except OSError:
        raise LaunchError(
            f"this Python has no {name} (Debian, Ubuntu: apt-get install "
            f"libpython{PYTHON_VERSION}; otherwise use a Python built with --enable-shared)"
        ) from None
    return None


def prepare_backends(triton: Path) -> None:
    """Lay out the backend directory: Triton's Python backend, its stub, and our `onnxruntime`."""
    stub = triton / "python_backend_stubs" / PYTHON_VERSION / "triton_python_backend_stub"
    if not stub.is_file():
        raise LaunchError(
            f"no Triton Python stub for Python {PYTHON_VERSION}; use Python 3.11 or 3.12"
        )
    python_backend = [*(triton / "backends" / "python").glob("*.*"), stub]
    for source in python_backend:
        install(source, BACKENDS / "python" / source.name)
    install(ONNXRUNTIME_BACKEND, BACKENDS / "onnxruntime" / ONNXRUNTIME_BACKEND.name)


def install(source: Path, target: Path) -> None:
    """Copy a file unless the same is there; other launchers may do so at the same time.

    It is not a link: Triton refuses backends that lead out of their folder.
    """
    if target.is_file() and filecmp.cmp(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(source, fresh)
    fresh.replace(target)


def environment(packages: Path) -> dict[str, str]:
    """Environment of the server: this interpreter first on PATH, all libraries findable."""
    libraries = [
        libpython_directory(),
        packages / "nvidia_pytriton.libs",
        os.environ.get("LD_LIBRARY_PATH"),
    ]
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {
        **MALLOC,
        **os.environ,
        THREADS: str(thread_count()),
        PRECISION: precision(),
        "PATH": os.pathsep.join(paths),
        "LD_LIBRARY_PATH": os.pathsep.join(str(path) for path in libraries if path),
    }


def gpu_flags() -> list[str]:
    """Flag for the models that need a GPU, where set-up installed their packages for one.

    If torch cannot use a GPU, the server's log says why.
    """
    if find_spec("torchaudio") is None:
        return []
    command = [sys.executable, "-c", GPU_CHECK]
    check = subprocess.run(command, capture_output=True, text=True, check=False)
    if check.returncode == 0:
        return [f"--model-repository={GPU_MODELS}"]
    reason = check.stderr.strip().rpartition("\n")[2]
    text = f"got '{reason}', expected a GPU that torch can use; everything runs on the CPU"
    print(f"tritonserver: GPU: {text}", file=sys.stderr, flush=True)
    return []


def thread_count() -> int:
    """Threads that each net may use: DIARIZATION_THREADS, else one per core."""
    setting = os.environ.get(THREADS, "").strip()
    if not setting:
        return available_cores()
    if not setting.isdecimal() or int(setting) < 1:
        raise LaunchError(f"{THREADS}: got {setting!r}, expected a whole number from 1 on")
    return int(setting)


def precision(proc_cpuinfo: Path = PROC_CPUINFO) -> str:
    """What the nets may compute in: DIARIZATION_PRECISION, else what the processor is made for."""
    setting = os.environ.get(PRECISION, "").strip()
    if setting in PRECISIONS:
        return setting
    if setting not in ("", "auto"):
        raise LaunchError(
            f"{PRECISION}: got {setting!r}, expected auto or one of {', '.join(PRECISIONS)}"
        )
    flags = set(proc_cpuinfo.read_text().split()) if proc_cpuinfo.is_file() else set()
    if AMX_FLAG in flags:
        return "bf16"
    found = {"int8": flags & INT8_FLAGS, "bf16": BFLOAT16_FLAG in flags}
    return "+".join(name for name, there in found.items() if there) or "fp32"


def available_cores(proc_cgroup: Path = PROC_CGROUP, cgroups: Path = CGROUPS) -> int:
    """Count the cores this process may use, by its affinity and its control groups.

    At least one; a share of a core counts as one. A container that is limited to two of 64 cores
    sees all 64, but more threads than two would wait for each other. Source: the kernel's
    `cgroup-v2.rst` (`cpu.max`) and `sched-bwc.rst` (`cpu.cfs_*`).
    """
    quotas = (math.ceil(quota) for quota in cpu_quotas(proc_cgroup, cgroups))
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def cpu_quotas(proc_cgroup: Path, cgroups: Path) -> Iterator[float]:
    """Cores allowed by each control group of this process that sets a limit, version 1 or 2."""
    for line in _text(proc_cgroup).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            for folder in _with_parents(cgroups, path):
                yield from _quota(_text(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for folder in _with_parents(cgroups / "cpu", path):
                quota = _text(folder / "cpu.cfs_quota_us")
                yield from _quota(f"{quota} {_text(folder / 'cpu.cfs_period_us')}")


def _with_parents(root: Path, path: str) -> Iterator[Path]:
    """Folders of a group and of all above it, up to the root."""
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


def main() -> None:
    """Replace this process by the server."""
    try:
        if sys.argv[1:] == ["--check-libpython"]:  # by set-up
            libpython_directory()
            return
        packages = site_packages()
        triton = packages / "pytriton" / "tritonserver"
        prepare_backends(triton)
        variables = environment(packages)
        if gpu := gpu_flags():
            variables[PRECISION] = "fp32"  # bfloat16 is for CPUs
        flags = [f"--backend-directory={BACKENDS}", *gpu, *sys.argv[1:]]
    except (LaunchError, OSError) as error:
        sys.exit(f"tritonserver: {error}")
    binary = triton / "bin" / "tritonserver"
    os.execve(binary, [str(binary), *flags], variables)


if __name__ == "__main__":
    main()
