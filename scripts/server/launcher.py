"""`tritonserver` without a container: the binary and Python backend of the `nvidia-pytriton` wheel.

Set-up links this file's caller into the virtual environment's `bin/`, so that `tritonserver
--model-repository=model_repo` is the same command here and in NVIDIA's image. Every flag goes
through untouched; the process is replaced by the server (`exec`), so its pid, signals and exit
status are the server's own.
"""

import ctypes
import filecmp
import os
import shutil
import site
import sys
import sysconfig
from pathlib import Path

from server.cores import available_cores

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BACKENDS = Path(sys.prefix) / "share" / "triton" / "backends"
ONNXRUNTIME_BACKEND = Path(__file__).resolve().parent / "backends" / "onnxruntime" / "model.py"

THREADS = "DIARIZATION_THREADS"  # of each net; where it is set, it counts instead of the cores
# glibc keeps freed memory: an arena per thread, and ever larger blocks. One arena, and blocks from
# a size on given back at once, halve what the processes of the server hold between requests.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
}


class LaunchError(Exception):
    """Something the server needs is missing; the message says what and how to get it."""


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

    None where the system's loader finds it by itself.
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
    """Copy a file unless it is there already, safely beside other launchers.

    Not a link: Triton refuses backends that lead out of their folder.
    """
    if target.is_file() and filecmp.cmp(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(source, fresh)
    fresh.replace(target)


def environment(packages: Path) -> dict[str, str]:
    """Environment of the server: this interpreter first on PATH, all libraries to be found."""
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
        "PATH": os.pathsep.join(paths),
        "LD_LIBRARY_PATH": os.pathsep.join(str(path) for path in libraries if path),
    }


def thread_count() -> int:
    """Threads that each net may use: as told by DIARIZATION_THREADS, else one per core."""
    told = os.environ.get(THREADS, "").strip()
    if not told:
        return available_cores()
    if not told.isdecimal() or int(told) < 1:
        raise LaunchError(f"{THREADS}: got {told!r}, expected a whole number from 1 on")
    return int(told)


def main() -> None:
    """Replace this process by the server."""
    try:
        if sys.argv[1:] == ["--check-libpython"]:  # set-up asks this before it makes an environment
            libpython_directory()
            return
        packages = site_packages()
        triton = packages / "pytriton" / "tritonserver"
        prepare_backends(triton)
        variables = environment(packages)
    except (LaunchError, OSError) as error:
        sys.exit(f"tritonserver: {error}")
    binary = triton / "bin" / "tritonserver"
    os.execve(binary, [str(binary), f"--backend-directory={BACKENDS}", *sys.argv[1:]], variables)


if __name__ == "__main__":
    main()
