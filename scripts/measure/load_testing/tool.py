"""perf_analyzer itself: where it is, the libraries and the audio it wants, its command line.

The program comes with the package tritonclient, which leaves out two libraries that it is linked
with. They are in the wheel nvidia-pytriton, only under other names; a folder of links gives them
back their own.
"""

import base64
import json
import os
import struct
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from server.triton_server import LOOPBACK, ROOT

PROGRAM = Path(sys.prefix) / "bin" / "perf_analyzer"
PYTRITON_LIBRARIES = Path(sysconfig.get_path("purelib")) / "nvidia_pytriton.libs"
WANTED = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}
FOLDER = ROOT / "output" / "perf_analyzer"
LIBRARIES = FOLDER / "lib"
INPUT = FOLDER / "input.json"
N_FRAMES = {"full": 98, "classic": 148}  # of the two modes' windows: 1.0 and 1.5 s
PERCENTILE = 95


class ToolError(Exception):
    """perf_analyzer cannot be run, or did not measure; the text says why in one sentence."""


def require_program() -> None:
    """Make sure that the program is there and finds its libraries; `ToolError` if it cannot."""
    if not PROGRAM.is_file():
        raise ToolError(f"{PROGRAM} is missing; run ./scripts/setup.sh")
    link_libraries(PYTRITON_LIBRARIES, LIBRARIES)


def link_libraries(source: Path, folder: Path) -> None:
    """Link each wanted library in `folder`, under the name that the program asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pattern in WANTED.items():
        found = sorted(source.glob(pattern))
        if not found:
            raise ToolError(f"{source} has no {pattern}; run ./scripts/setup.sh")
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(found[0])
        fresh.replace(folder / name)


def environment() -> dict[str, str]:
    """Environment of the program: its libraries, and no proxy between this machine and itself."""
    libraries = [str(LIBRARIES), os.environ.get("LD_LIBRARY_PATH")]
    direct = [os.environ.get("no_proxy"), "localhost", LOOPBACK]
    return {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "no_proxy": ",".join(filter(None, direct)),
    }


def input_data(encoded: bytes) -> str:
    """Return the bytes of an audio file as perf_analyzer's input data for `run`, JSON.

    It sends what is behind `b64` as it is, so the four bytes of length that Triton wants before
    each string are part of it.
    """
    tensor = base64.b64encode(struct.pack("<I", len(encoded)) + encoded).decode()
    return json.dumps({"data": [{"AUDIO": {"content": {"b64": tensor}, "shape": [1]}}]})


def command(model: str, url: str, flags: Sequence[str]) -> list[str]:
    """Command line for one model; the flags given come last, so they win."""
    own = ["-m", model, "-i", "grpc", "-u", url, f"--percentile={PERCENTILE}"]
    return [str(PROGRAM), *own, *input_flags(model, flags), *flags]


def input_flags(model: str, flags: Sequence[str]) -> list[str]:
    """What a model is sent unless the flags say so; a second --input-data would be added."""
    flag, value = {
        "speaker_model": ("--shape", f"feats:{N_FRAMES['full']},80"),
        "run": ("--input-data", str(INPUT)),
    }.get(model, ("", ""))
    given = any(each.partition("=")[0] == flag for each in flags)
    return [] if given or not flag else [flag, value]
