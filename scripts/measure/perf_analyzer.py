"""Put load on a running server with NVIDIA's perf_analyzer.

With a MODEL, perf_analyzer measures that model and tells what it found; every FLAG is its own.
Without, it goes through the tables of docs/perf_analyzer.md, in about ten minutes.

  python scripts/measure/perf_analyzer.py speaker_model -b 64 --concurrency-range=1:4
  python scripts/measure/perf_analyzer.py run --request-parameter=mode:classic:string

exit codes: 0 measured, 1 not, 2 wrong usage, 130 interrupted
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import soundfile

from formats.atomic_file import write_atomically
from formats.rttm_files import OutputError
from measure.benchmarking.origin import origin
from measure.evaluation.output import output_errors
from measure.load_testing.page import URL, markdown_page, shown
from measure.load_testing.series import STABLE_PERCENT, Measured, measured, run_loads, speaker_loads
from measure.load_testing.tool import (
    INPUT,
    ToolError,
    command,
    environment,
    input_data,
    require_program,
)
from server.triton_server import ROOT

OK, FAILED, INTERRUPTED = 0, 1, 130
SAMPLE = ROOT / "data" / "sample" / "sample.wav"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
PAGE = ROOT / "docs" / "perf_analyzer.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    try:
        require_program()
        if options.model in (None, "run"):
            write_audio(options.audio_file)
        return one_model(options) if options.model else all_loads(options)
    except (ToolError, OutputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse our own flags, which stand before MODEL."""
    parser = argparse.ArgumentParser(
        prog="perf_analyzer.py",
        usage="%(prog)s [--url URL] [--audio_file FILE] [--docs | MODEL [FLAG ...]]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-u", "--url", default=URL, help="gRPC address of the server (default: %(default)s)")
    add(
        "--audio_file", metavar="FILE", type=Path, default=SAMPLE,
        help="recording that `run` is sent (default: the sample recording)",
    )  # fmt: skip
    add("--docs", action="store_true", help="write docs/perf_analyzer.md")
    add("model", metavar="MODEL", nargs="?", help="speaker_model, run, segmentation or sad")
    add("flags", metavar="FLAG", nargs=argparse.REMAINDER, help="flags of perf_analyzer")
    options = parser.parse_args(arguments)
    if options.docs and options.model:
        parser.error("--docs goes through all tables: leave MODEL out")
    return options


def write_audio(audio: Path) -> None:
    """Leave a recording where perf_analyzer, and who types its command, finds it."""
    try:
        encoded = audio.read_bytes()
    except OSError as error:
        raise ToolError(f"cannot read {audio}: {error.strerror}") from error
    with output_errors(INPUT.parent):
        write_atomically(INPUT, input_data(encoded))


def one_model(options: argparse.Namespace) -> int:
    """Let perf_analyzer speak for itself."""
    words = command(options.model, options.url, options.flags)
    print(f"+ {shown(words)}", file=sys.stderr, flush=True)
    done = subprocess.run(words, env=environment(), check=False)
    return FAILED if done.returncode else OK


def all_loads(options: argparse.Namespace) -> int:
    """Go through all loads; print the page, or write it where the project keeps it."""
    found = origin()
    gpu = "NVIDIA" if NVIDIA_DRIVER.exists() else "none"
    found["options"] = {"url": options.url, "client_gpu": gpu, "stability_percent": STABLE_PERCENT}
    audio_s = length_of(options.audio_file)
    results: list[Measured] = []
    for load in [*speaker_loads(), *run_loads()]:
        results.append(measured(load, options.url))
        print(told(results[-1]), file=sys.stderr, flush=True)
    page = markdown_page(results, found, options.audio_file.name, audio_s)
    if not options.docs:
        print(page)
        return OK
    with output_errors(PAGE.parent):
        write_atomically(PAGE, page)
    return OK


def length_of(path: Path) -> float:
    """Seconds of audio in a file."""
    try:
        return float(soundfile.info(path).duration)
    except soundfile.LibsndfileError as error:
        raise ToolError(f"{path} is no audio file: {error.error_string}") from error


def told(result: Measured) -> str:
    """One line of progress."""
    load = result.load
    frames = f", {load.n_frames} frames, batch {load.batch}" if load.n_frames else ""
    return (
        f"{load.model}{frames}, concurrency {load.concurrency}: "
        f"{result.per_s:.2f} per s, p95 {result.p95_ms:.1f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
