"""Processes killed one after another while a client works through a list: none may miss."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.evaluation.rttm_turns import Turn
from measure.serve_process import TRITON, ServeProcess, serving
from measure.soaking.alone import SoakError, turns_alone
from measure.soaking.asking import Asker, audio_request
from measure.soaking.audio import Speech
from measure.soaking.errand import Errand
from measure.soaking.files import as_floats
from server.triton_server import ServerError

CLIENT = "client.py"
VICTIMS = ("run", "sad", CLIENT, "speaker_model", "segmentation", TRITON)
QUICK_VICTIMS = ("run", CLIENT, TRITON)
LENGTH_S = 15.0


@dataclass(frozen=True)
class Fault:
    """A process that was killed with SIGKILL.

    Parameters
    ----------
    victim : str
        What it ran.
    n_done : int
        Recordings that had their answer by then.
    back_after_s : float
        From the kill until serve.py said `ready again`, or the client was started again.
    said : str
        What serve.py said then.
    """

    victim: str
    n_done: int
    back_after_s: float
    said: str


@dataclass(frozen=True)
class FaultsResult:
    """What came of a list of recordings in spite of all faults."""

    n_recordings: int
    n_right: int
    wall_s: float
    faults: Sequence[Fault]
    problems: Sequence[str]


def run_faults(
    speech: Speech,
    n_recordings: int,
    victims: Sequence[str],
    log: Path,
    tell: Callable[[str], None],
) -> FaultsResult:
    """Start serve.py and client.py, kill every victim in turn, and look at what the client has.

    Raises
    ------
    ServerError
        If the server does not start.
    SoakError
        If a recording gets no answer even before the first fault.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as name, serving(log) as server:
        errand = Errand(Path(name), as_floats(speech), n_recordings, LENGTH_S)
        server.wait_until_ready()
        expected = _alone(server.url, errand)
        started_s = time.monotonic()
        faults: list[Fault] = []
        client, broken = errand.start(server.url), []
        try:
            for number, victim in enumerate(victims, start=1):
                errand.wait_for(number * n_recordings // (len(victims) + 1), client)
                fault, client = _inflict(victim, server, errand, client)
                faults.append(fault)
                tell(f"killed {victim} after {fault.n_done} answers: {fault.said}")
            client.wait()
        except (SoakError, ServerError) as error:
            broken = [f"broken off at {victim}: {error}"]
        finally:
            client.kill()
        missing = errand.wrong_answers(expected)
        problems = [*broken, *missing, *errand.litter(expected), *errand.complaint(client.wait())]
        wall_s = time.monotonic() - started_s
    return FaultsResult(n_recordings, n_recordings - len(missing), wall_s, faults, problems)


def _alone(url: str, errand: Errand) -> dict[str, list[Turn]]:
    with Asker(url) as asker:
        return {
            name: turns_alone(asker, audio_request(path.read_bytes(), recording_id=name))
            for name, path in errand.files.items()
        }


def _inflict(
    victim: str, server: ServeProcess, errand: Errand, client: "subprocess.Popen[bytes]"
) -> "tuple[Fault, subprocess.Popen[bytes]]":
    """Kill a process and wait until all is well again; the client that works from now on."""
    n_done, killed_s = errand.n_done(), time.monotonic()
    if victim == CLIENT:
        client.kill()
        client.wait()
        client = errand.start(server.url)
        said = "started again with --resume"
    else:
        os.kill(server.pid_of(victim), signal.SIGKILL)
        said = server.wait_until_ready()
    return Fault(victim, n_done, time.monotonic() - killed_s, said), client
