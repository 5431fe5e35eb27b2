"""Recordings diarized one at a time, by the service in each mode and by other programs in turn."""

import argparse
import contextlib
import os
import shlex
import signal
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from console.run_report import log
from inputs.recordings import Recording
from measure.benchmarking.floor import Floor, NetsAlone
from measure.benchmarking.memory import PeakMemory
from measure.benchmarking.processors import GpuUse, Meter
from sending.in_flight import defer_interrupt, diarize_all
from sending.outcome import Failure
from sending.service import Service
from server.processes import children

HOUR_S = 3600.0
ONCE_FROM_S = HOUR_S  # a recording this long is its own average
OTHER, TRANSPORT, TOTAL = "other", "transport", "total"
AUDIO, OUTPUT = "{audio}", "{output}"
PEER_OUTPUT = "peer_output"  # file name
LOG_TAIL = 200  # characters


@dataclass(frozen=True)
class Run:
    """One run."""

    wall_s: float  # from before sending, or starting, until the answer
    peak_bytes: int  # highest PSS of all its processes
    stage_s: Mapping[str, float] = field(default_factory=dict)  # with `total`; empty for a peer
    floor: Floor | None = None  # none for a peer
    failure: str | None = None  # why there is no answer; the rest means nothing then
    cpu_s: Mapping[str, float] = field(default_factory=dict)  # by model; empty for a peer
    gpu: GpuUse | None = None

    def all_stages(self) -> dict[str, float]:
        """Seconds by stage: the server's, `other` and `transport`.

        `other` is 0 where stages that ran side by side add up to more than the server's total.
        """
        stages = {name: spent_s for name, spent_s in self.stage_s.items() if name != TOTAL}
        total_s = self.stage_s.get(TOTAL, 0.0)
        other_s = max(0.0, total_s - sum(stages.values()))
        return {**stages, OTHER: other_s, TRANSPORT: self.wall_s - total_s}


@dataclass(frozen=True)
class LengthResult:
    """All runs of one subject (a mode or a peer) with recordings of one length."""

    subject: str
    is_peer: bool
    audio_s: float
    upload_bytes: int
    runs: Sequence[Run]

    @property
    def good(self) -> list[Run]:
        """Runs that were answered, the fastest first."""
        answered = (run for run in self.runs if run.failure is None)
        return sorted(answered, key=lambda run: run.wall_s)

    @property
    def median_s(self) -> float | None:
        """Median time; None if no run was answered."""
        return statistics.median(run.wall_s for run in self.good) if self.good else None

    @property
    def peak_bytes(self) -> int | None:
        """The highest peak of all runs; None if none was answered."""
        return max((run.peak_bytes for run in self.good), default=None)

    @property
    def middle(self) -> Run | None:
        """The run of median time (of two, the faster one); None if none was answered."""
        return self.good[(len(self.good) - 1) // 2] if self.good else None

    @property
    def overhead(self) -> float | None:
        """Median time over the median floor; None where there is no floor."""
        floors_s = [run.floor.total_s for run in self.good if run.floor]
        if not floors_s or self.median_s is None or not min(floors_s):
            return None
        return self.median_s / statistics.median(floors_s)


class ModeOfService:
    """The service in one mode: recordings sent one at a time.

    `service` is a connection that sends this mode; `nets` measure the floor right after each run,
    while the machine is in the same state.
    """

    is_peer = False

    def __init__(self, mode: str, service: Service, nets: NetsAlone) -> None:
        self.name, self._service, self._nets = mode, service, nets

    def run(self, flac: Path) -> Run:
        """Send a recording and wait for the answer; KeyboardInterrupt soon after Ctrl-C."""
        audio, recording = flac.read_bytes(), Recording(flac.stem, flac)
        server = children(os.getpid())
        with (
            PeakMemory(lambda: server) as memory,
            defer_interrupt() as interrupted,
            Meter() as meter,
        ):
            started_s = time.monotonic()
            (outcome,) = diarize_all(self._service, [recording], lambda _: audio, 1, interrupted)
            wall_s = time.monotonic() - started_s
        if isinstance(outcome, Failure):
            return Run(wall_s, memory.peak_bytes, failure=outcome.reason)
        stages = outcome.info.get("stage_s")
        stage_s = {k: float(v) for k, v in stages.items()} if isinstance(stages, dict) else {}
        n_windows, n_chunks = (int(outcome.info.get(each, 0)) for each in ("n_windows", "n_chunks"))
        floor = self._nets.floor(self.name, n_windows, n_chunks)
        return Run(wall_s, memory.peak_bytes, stage_s, floor, cpu_s=meter.cpu_s, gpu=meter.gpu)


@dataclass(frozen=True)
class Peer:
    """Another diarization program: a shell command with {audio} and {output} for the files."""

    name: str
    command: str
    timeout_s: float | None = None  # for one recording
    is_peer: ClassVar[bool] = True

    @classmethod
    def parse(cls, text: str) -> "Peer":
        """Read NAME=COMMAND; ArgumentTypeError if the command has no place for the audio."""
        name, _, command = text.partition("=")
        if not name.strip() or not command.strip():
            raise argparse.ArgumentTypeError(f"expected NAME=COMMAND, got {text!r}")
        if AUDIO not in command:
            raise argparse.ArgumentTypeError(
                f"expected {AUDIO} in the command of {name!r}, got {command!r}"
            )
        return cls(name.strip(), command)

    def line(self, audio: Path, output: Path) -> str:
        """The shell command with the files in it, quoted."""
        line = self.command.replace(AUDIO, shlex.quote(str(audio)))
        return line.replace(OUTPUT, shlex.quote(str(output)))

    def run(self, flac: Path) -> Run:
        """Run the command on the wav file beside `flac`; its output and log go there too."""
        line = self.line(flac.with_suffix(".wav"), flac.with_name(PEER_OUTPUT))
        log_file = flac.with_name("peer.log")
        started_s = time.monotonic()
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                line, shell=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        try:
            with PeakMemory(lambda: {process.pid, *children(process.pid)}) as memory:
                failure = self._wait(process, log_file)
                wall_s = time.monotonic() - started_s
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return Run(wall_s, memory.peak_bytes, failure=failure)

    def _wait(self, process: "subprocess.Popen[bytes]", log_file: Path) -> str | None:
        """Wait for the end; return what went wrong, in a sentence."""
        try:
            status = process.wait(self.timeout_s)
        except subprocess.TimeoutExpired:
            return f"no end within {self.timeout_s:g} s (--timeout)"
        if not status:
            return None
        last_line = log_file.read_text(errors="replace").strip()[-LOG_TAIL:].splitlines()[-1:]
        return ": ".join([f"ended with status {status}", *last_line])

    def __str__(self) -> str:
        return f"{self.name}: {self.command}"


def run_in_turn(
    subjects: Sequence[ModeOfService | Peer], flac: Path, audio_s: float, repeats: int
) -> list[LengthResult]:
    """Run all subjects in turn, `repeats` times, on one recording."""
    runs: dict[str, list[Run]] = {subject.name: [] for subject in subjects}
    for _ in range(repeats if audio_s < ONCE_FROM_S else 1):
        for subject in subjects:
            run = subject.run(flac)
            runs[subject.name].append(run)
            log.info("%g s of audio, %s: %s", audio_s, subject.name,
                     run.failure or f"{run.wall_s:.2f} s")  # fmt: skip
    upload_bytes = flac.stat().st_size
    return [
        LengthResult(each.name, each.is_peer, audio_s, upload_bytes, runs[each.name])
        for each in subjects
    ]
