"""Another diarization program, named on the command line, run on the same recordings."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from measure.benchmarking.memory import PeakMemory
from measure.benchmarking.runs import Material, Run
from server.processes import children, kill_group

AUDIO, OUTPUT = "{audio}", "{output}"
LOG_TAIL = 200  # characters


class PeerError(ValueError):
    """The command of a peer cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Peer:
    """A name, and a shell command in which {audio} and {output} stand for files."""

    name: str
    command: str

    def line(self, audio: Path, output: Path) -> str:
        """The shell command with the files in it, quoted."""
        line = self.command.replace(AUDIO, shlex.quote(str(audio)))
        return line.replace(OUTPUT, shlex.quote(str(output)))


def parsed_peer(text: str) -> Peer:
    """Read NAME=COMMAND.

    Raises
    ------
    PeerError
        If it is not that, or the command has no place for the audio.
    """
    name, _, command = text.partition("=")
    if not name.strip() or not command.strip():
        raise PeerError(f"expected NAME=COMMAND, got {text!r}")
    if AUDIO not in command:
        raise PeerError(f"expected {AUDIO} in the command of {name!r}, got {command!r}")
    return Peer(name.strip(), command)


class PeerProgram:
    """A subject of the benchmark.

    Parameters
    ----------
    peer : Peer
        What to run.
    folder : Path
        Where its output and its log go.
    timeout_s : float
        Longest time for one recording.
    """

    is_peer = True

    def __init__(self, peer: Peer, folder: Path, timeout_s: float) -> None:
        self.name = peer.name
        self._peer = peer
        self._folder = folder
        self._timeout_s = timeout_s

    def run(self, material: Material) -> Run:
        """Run the command from start to end, its processes' memory watched."""
        line = self._peer.line(material.wav, self._folder / "peer_output")
        log = self._folder / "peer.log"
        started_s = time.monotonic()
        with log.open("wb") as file:
            process = subprocess.Popen(
                line, shell=True, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
            tree = lambda: {process.pid, *children(process.pid)}  # noqa: E731
            try:
                with PeakMemory(tree) as memory:
                    failure = _waited(process, self._timeout_s, log)
                    wall_s = time.monotonic() - started_s
            finally:
                kill_group(process.pid)
                process.wait()
        return Run(wall_s, memory.peak_bytes, failure=failure)


def _waited(process: "subprocess.Popen[bytes]", timeout_s: float, log: Path) -> str | None:
    """Wait for the end; returns what went wrong, in a sentence."""
    try:
        status = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return f"no end within {timeout_s:g} s (--timeout)"
    if not status:
        return None
    last_words = log.read_text(errors="replace").strip()[-LOG_TAIL:].splitlines()[-1:]
    return ": ".join([f"ended with status {status}", *last_words])
