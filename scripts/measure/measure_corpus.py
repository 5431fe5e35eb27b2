"""Measure `client/corpus.py`: throughput with one server of one core and with all, driver's memory.

`python scripts/measure/measure_corpus.py --help` describes options and exit codes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from console.option_values import count
from console.run_report import log
from corpora.journal import NAME
from formats.output import RttmFolder
from measure.benchmarking.audio import SAMPLE
from measure.kit import ROOT
from measure.kit.program import OK, add_output, reported_options, run_program
from measure.kit.provenance import provenance
from measure.kit.report import (
    DOCS,
    MEGA,
    markdown_table,
    origin_text,
    output_errors,
    put_into,
    rounded,
    write_json,
)
from measure.measure_servers import one_core_servers

PROGRAM = ROOT / "client" / "corpus.py"
PAGE = DOCS / "scale.md"
AUDIO_S = 30.0  # of the sample
HOUR_S = 3600.0
POLL_S = 0.1
EPILOG = """\
Every recording is the sample. Servers are bound to a core each, which they share with Ray and the
program itself. The time is that from the first result to the last, without the start of Ray.

exit codes: 0 measured, 1 a recording or a server failed, 2 wrong usage, 130 interrupted
"""


class CorpusError(RuntimeError):
    """A run of corpus.py failed; the text is the end of what it printed."""


@dataclass(frozen=True)
class Run:
    """One run of corpus.py."""

    n_servers: int
    wall_s: float  # from the first result to the last
    driver_mb: list[float]  # resident memory of the program after each tenth of the recordings

    def hours_per_hour(self, n_recordings: int) -> float:
        """Hours of audio in an hour."""
        return (n_recordings - 1) * AUDIO_S / self.wall_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    return run_program(partial(_prepare, options), partial(_measure, options), CorpusError)


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="measure_corpus.py",
        description="Measure the throughput of corpus.py with servers of one core.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # fmt: off
    add("--servers", metavar="N", type=count, default=2,
        help="servers beside the one (default: %(default)s)")
    add("--recordings", metavar="N", type=count, default=200, help="default: %(default)s")
    add("--rounds", metavar="N", type=count, default=3, help="default: %(default)s")
    # fmt: on
    add_output(parser, "corpus", "the measured part of docs/scale.md")
    return parser.parse_args(arguments)


def _prepare(options: argparse.Namespace) -> dict[str, Any]:
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return provenance()


def _measure(options: argparse.Namespace, origin: dict[str, Any]) -> int:
    n_recordings = options.recordings
    runs: list[Run] = []
    with one_core_servers(options.servers, options.output) as urls:
        for _ in range(options.rounds):
            for n_servers in (1, options.servers):
                runs.append(run_corpus(urls[:n_servers], n_recordings))
                speed = runs[-1].hours_per_hour(n_recordings)
                log.info("%d server(s): %.1f hours per hour", n_servers, speed)
    report = {**origin, "options": reported_options(options, ("output", "docs"))}
    text = f"{origin_text(report)}\n{_table(runs, n_recordings)}"
    print(text)
    write_json(options.output / "corpus.json", {**report, "runs": rounded([*map(asdict, runs)])})
    if options.docs:
        with output_errors(PAGE):
            put_into(PAGE, text, "measured corpus")
    return OK


def run_corpus(urls: Sequence[str], n_recordings: int) -> Run:
    """Diarize the sample many times; CorpusError if that fails."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        manifest = folder / "wav.scp"
        manifest.write_text("".join(f"r{number} {SAMPLE}\n" for number in range(n_recordings)))
        command = [sys.executable, PROGRAM, "--manifest", manifest, "--output", folder / "out"]
        with (folder / "log").open("w+") as output:
            process = subprocess.Popen(
                [*map(str, command), "--servers", ",".join(urls), "--mode=full"],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            seen = list(_watched(process, folder / "out" / NAME))
            if process.wait() or len(seen) < n_recordings:
                output.seek(0)
                raise CorpusError(f"corpus.py: {output.read()[-500:]}")
    steps = [seen[n_recordings * tenth // 10 - 1][1] / MEGA for tenth in range(1, 11)]
    return Run(len(urls), seen[-1][0] - seen[0][0], steps)


def _watched(process: "subprocess.Popen[bytes]", journal: Path) -> Iterator[tuple[float, int]]:
    """When each recording ended, and the program's resident memory then."""
    n_seen = 0
    driver = psutil.Process(process.pid)
    while True:
        running = process.poll() is None
        n_lines = journal.read_text().count("\n") - 1 if journal.exists() else 0
        if n_lines > n_seen:
            rss = driver.memory_info().rss if running else 0
            yield from [(time.monotonic(), rss)] * (n_lines - n_seen)
            n_seen = n_lines
        if not running:
            return
        time.sleep(POLL_S)


def _table(runs: Sequence[Run], n_recordings: int) -> str:
    numbers = sorted({run.n_servers for run in runs})
    speeds = {
        n: median(run.hours_per_hour(n_recordings) for run in runs if run.n_servers == n)
        for n in numbers
    }
    rows = []
    for n in numbers:
        memory = [run.driver_mb for run in runs if run.n_servers == n]
        first, last = (median(each[place] for each in memory) for place in (0, 8))
        times = f"{speeds[n] / speeds[numbers[0]]:.2f} x"
        rows.append(
            [str(n), str(n_recordings), f"{speeds[n]:.1f}", times, f"{first:.0f}", f"{last:.0f}"]
        )
    header = ["servers", "recordings", "hours per hour", "of one server",
              "driver MB after a tenth", "after nine tenths"]  # fmt: skip
    return markdown_table(header, rows)


if __name__ == "__main__":
    sys.exit(main())
