"""Processes killed one by one while client.py works through a list: no answer may be lost."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.run_report import log
from formats.answer_texts import RTTM_PREFIX
from formats.output import JOINED
from measure.benchmarking.audio import Samples, write_recording
from measure.kit import ROOT
from measure.serve_process import TRITON, ServeProcess, serving
from measure.soaking.checks import baseline_turns
from measure.soaking.files import Speech, as_floats
from measure.soaking.judging import Turns, not_answered, not_same, turns_of
from measure.soaking.requests import OK, Client, Outcome, SoakError, file_request
from server.server_log import ServerError

CLIENT = "client.py"
VICTIMS = ("run", "sad", CLIENT, "speaker_model", "segmentation", TRITON)
QUICK_VICTIMS = ("run", CLIENT, TRITON)
LENGTH_S = 15.0
RETRY_FOR_S, JOBS = 600, 4
POLL_S = 0.05
ANSWERED_WITHIN_S = 1200.0


class ClientRun:
    """client.py with a list of recordings made of `source`, no two alike, and what it leaves.

    `folder` is an empty one for the recordings, the list and the answers.
    """

    def __init__(self, folder: Path, source: Samples, n_recordings: int, length_s: float) -> None:
        self.files = {f"recording_{n:02d}": folder / f"{n:02d}.flac" for n in range(n_recordings)}
        for number, path in enumerate(self.files.values()):
            write_recording(path, [source], length_s, first=number)
        self.output = folder / "output"
        self._log = folder / "client.log"
        self._list = folder / "wav.scp"
        self._list.write_text("".join(f"{name} {path}\n" for name, path in self.files.items()))

    def start(self, url: str) -> "subprocess.Popen[bytes]":
        """Start the client on all recordings that have no answer yet."""
        command = [
            sys.executable, str(ROOT / "client" / CLIENT), f"--url={url}",
            f"--wavscp={self._list}", "--resume", f"--output_directory={self.output}",
            f"--retry_for={RETRY_FOR_S}", f"--jobs={JOBS}",
        ]  # fmt: skip
        with self._log.open("ab") as output:
            return subprocess.Popen(command, stdout=output, stderr=output)

    def n_answered(self) -> int:
        """Number of recordings that have their answer."""
        return len(list(self.output.glob(f"{RTTM_PREFIX}*")))

    def wait_for(self, n_answered: int, client: "subprocess.Popen[bytes]") -> None:
        """Wait for some answers; SoakError if the client ends before, or they take too long."""
        deadline_s = time.monotonic() + ANSWERED_WITHIN_S
        while self.n_answered() < n_answered:
            if client.poll() is not None and self.n_answered() < n_answered:
                raise SoakError(*self.exit_problem(client.returncode, expected=None))
            if time.monotonic() > deadline_s:
                raise SoakError(
                    f"{self.n_answered()} of {n_answered} answers after {ANSWERED_WITHIN_S:g} s"
                )
            time.sleep(POLL_S)

    def wrong_answers(self, expected: Mapping[str, Turns]) -> list[str]:
        """One sentence for every recording whose answer is missing or has other turns."""
        problems = []
        for name, turns in expected.items():
            path = self.output / f"{RTTM_PREFIX}{name}"
            if not path.is_file():
                problems.append(f"{name}: there is no answer")
                continue
            outcome = Outcome(name, OK, path.read_text(), 0.0)
            if problem := not_answered(outcome) or not_same(turns_of(outcome), turns):
                problems.append(f"{name}: {problem}")
        return problems

    def exit_problem(self, status: int, expected: int | None = 0) -> list[str]:
        """The end of the client's log, if it exited with another status than expected."""
        last = " / ".join(self._log.read_text().splitlines()[-3:])
        return [] if status == expected else [f"client.py ended with status {status}: {last}"]

    def unexpected_files(self) -> list[str]:
        """Files that do not belong in the output; a joined file that is not every answer once.

        Names that start with a dot are the client's own: its notes, and a `.part-` file where it
        was killed while it wrote.
        """
        parts = [self.output / f"{RTTM_PREFIX}{name}" for name in sorted(self.files)]
        joined = self.output / JOINED
        others = set(self.output.glob("[!.]*")) - {*parts, joined}
        problems = [f"{path.name} is left in the output folder" for path in sorted(others)]
        if not all(path.is_file() for path in (joined, *parts)):
            problems.append("there is no joined rttm of all recordings")
        elif joined.read_bytes() != b"".join(part.read_bytes() for part in parts):
            problems.append("the joined rttm is not every recording's answer once")
        return problems


@dataclass(frozen=True)
class Fault:
    """A process that was killed with SIGKILL."""

    victim: str  # what it ran
    n_answered: int  # recordings that had their answer by then
    back_after_s: float  # from the kill until the server or the client was back
    message: str  # what serve.py printed then


@dataclass(frozen=True)
class FaultsResult:
    """What the client had in the end."""

    n_recordings: int
    n_right: int
    wall_s: float
    faults: Sequence[Fault]
    problems: Sequence[str]


def run_faults(
    speech: Speech, n_recordings: int, victims: Sequence[str], server_log: Path
) -> FaultsResult:
    """Start serve.py and client.py, kill every victim in turn, and check the client's output.

    SoakError or ServerError if the server does not start or stop, or a recording gets no answer
    before the first fault.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as name, serving(server_log) as server:
        run = ClientRun(Path(name), as_floats(speech), n_recordings, LENGTH_S)
        server.wait_until_ready()
        with Client(server.url) as client:
            expected = {
                name: baseline_turns(client, file_request(path.read_bytes(), recording_id=name))
                for name, path in run.files.items()
            }
        started_s = time.monotonic()
        faults: list[Fault] = []
        process, problems = run.start(server.url), []
        try:
            for number, victim in enumerate(victims, start=1):
                run.wait_for(number * n_recordings // (len(victims) + 1), process)
                fault, process = _kill(victim, server, run, process)
                faults.append(fault)
                log.info("killed %s after %d answers: %s", victim, fault.n_answered, fault.message)
            process.wait()
        except (SoakError, ServerError) as error:
            problems = [f"broken off at {victim}: {error}"]
        finally:
            process.kill()
        wrong = run.wrong_answers(expected)
        problems += [*wrong, *run.unexpected_files(), *run.exit_problem(process.wait())]
        wall_s = time.monotonic() - started_s
    return FaultsResult(n_recordings, n_recordings - len(wrong), wall_s, faults, problems)


def _kill(
    victim: str, server: ServeProcess, run: ClientRun, client: "subprocess.Popen[bytes]"
) -> "tuple[Fault, subprocess.Popen[bytes]]":
    """Kill a process and wait until it is back; also returns the client that runs from now on."""
    n_answered, killed_s = run.n_answered(), time.monotonic()
    if victim == CLIENT:
        client.kill()
        client.wait()
        client = run.start(server.url)
        message = "started again with --resume"
    else:
        os.kill(server.pid_of(victim), signal.SIGKILL)
        message = server.wait_until_ready()
    return Fault(victim, n_answered, time.monotonic() - killed_s, message), client
