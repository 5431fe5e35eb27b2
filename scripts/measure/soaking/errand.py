"""client.py with a list of recordings, started again where it is killed, and what it leaves."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from diarization.arrays import Samples
from formats.answer_texts import RTTM_PREFIX as PREFIX
from formats.output import JOINED
from measure.benchmarking.audio import write_recording
from measure.evaluation.rttm_turns import Turn
from measure.kit import ROOT
from measure.soaking.alone import SoakError
from measure.soaking.asking import OK, Outcome
from measure.soaking.comparing import not_same, read, unanswered

CLIENT = ROOT / "client" / "client.py"
RETRY_FOR_S, JOBS = 600, 4
POLL_S = 0.05
DONE_WITHIN_S = 1200.0


class Errand:
    """A list of recordings and the client that works through it.

    Parameters
    ----------
    folder : Path
        For the recordings, the list and the answers; it is there and empty.
    source : Samples
        What the recordings are made of; no two are alike.
    n_recordings : int
        How many.
    length_s : float
        Of each.
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
        """Start the client on all that has no answer yet."""
        command = [
            sys.executable, str(CLIENT), f"--url={url}", f"--wavscp={self._list}", "--resume",
            f"--output_directory={self.output}", f"--retry_for={RETRY_FOR_S}", f"--jobs={JOBS}",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def n_done(self) -> int:
        """Recordings that have their answer."""
        return len(list(self.output.glob(f"{PREFIX}*")))

    def wait_for(self, n_done: int, client: "subprocess.Popen[bytes]") -> None:
        """Wait until so many are done.

        Raises
        ------
        SoakError
            If the client ends before, or they take too long.
        """
        deadline_s = time.monotonic() + DONE_WITHIN_S
        while self.n_done() < n_done:
            if client.poll() is not None and self.n_done() < n_done:
                raise SoakError(f"client.py ended with status {client.returncode}: {self._said()}")
            if time.monotonic() > deadline_s:
                raise SoakError(f"{self.n_done()} of {n_done} done after {DONE_WITHIN_S:g} s")
            time.sleep(POLL_S)

    def wrong_answers(self, expected: Mapping[str, Sequence[Turn]]) -> list[str]:
        """One sentence for every recording whose file is missing or has other turns."""
        return [
            f"{name}: {problem}"
            for name, turns in expected.items()
            if (problem := _unlike(self.output / f"{PREFIX}{name}", name, turns)) is not None
        ]

    def complaint(self, status: int) -> list[str]:
        """What the client said, if it ended with another status than 0."""
        return [f"client.py ended with status {status}: {self._said()}"] if status else []

    def litter(self, expected: Mapping[str, object]) -> list[str]:
        """Files that nobody asked for; a joined file that is not all answers, each once.

        Names that start with a dot are the client's own: its notes, and a `.part-` file where it
        was killed while it wrote.
        """
        names = {f"{PREFIX}{name}" for name in expected}
        found = [
            f"{path.name} is left in the output folder"
            for path in sorted(self.output.glob("[!.]*"))
            if path.name not in {*names, JOINED}
        ]
        joined = self.output / JOINED
        parts = [self.output / name for name in sorted(names)]
        if not joined.is_file() or not all(part.is_file() for part in parts):
            return [*found, "there is no joined rttm of all recordings"]
        if joined.read_bytes() != b"".join(part.read_bytes() for part in parts):
            found.append("the joined rttm is not every recording's answer once")
        return found

    def _said(self) -> str:
        return " / ".join(self._log.read_text().splitlines()[-3:])


def _unlike(path: Path, name: str, turns: Sequence[Turn]) -> str | None:
    if not path.is_file():
        return "there is no answer"
    outcome = Outcome(name, OK, path.read_text(), 0.0)
    return unanswered(outcome) or not_same(read(outcome), turns)
