"""One mode of the service: recordings sent one at a time, timed, their memory watched."""

import time
from collections.abc import Callable

from inputs.recordings import Recording
from measure.benchmarking.floor import NetsAlone
from measure.benchmarking.memory import PeakMemory, own_children
from measure.benchmarking.runs import Floor, Material, Run
from sending.in_flight import diarize_all, noted_interrupt
from sending.outcome import Answer, Failure, Outcome
from sending.service import Service


class ModeOfService:
    """A subject of the benchmark.

    Parameters
    ----------
    mode : str
        The request parameter.
    service : Service
        A connection that sends this mode.
    nets : NetsAlone
        Measures the floor right after each run, while the machine is in the same mood.
    """

    is_peer = False

    def __init__(self, mode: str, service: Service, nets: NetsAlone) -> None:
        self.name = mode
        self._service = service
        self._nets = nets

    def run(self, material: Material) -> Run:
        """Send a recording and wait for the answer."""
        audio = material.flac.read_bytes()
        recording = Recording(material.flac.stem, material.flac)
        server = own_children()
        with PeakMemory(lambda: server) as memory:
            outcome, wall_s = timed(lambda: answered(self._service, recording, audio))
        if isinstance(outcome, Failure):
            return Run(wall_s, memory.peak_bytes, failure=outcome.reason)
        return Run(wall_s, memory.peak_bytes, stage_seconds(outcome), self._floor(outcome))

    def _floor(self, answer: Answer) -> Floor:
        n_windows = int(answer.info.get("n_windows", 0))
        return self._nets.floor(self.name, n_windows, answer.audio_s or 0.0)


def answered(service: Service, recording: Recording, audio: bytes) -> Outcome:
    """Send one recording and wait.

    Raises
    ------
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    with noted_interrupt() as interrupted:
        (outcome,) = diarize_all(service, [recording], lambda _: audio, 1, interrupted)
    return outcome


def timed(call: Callable[[], Outcome]) -> tuple[Outcome, float]:
    """What the call returns, and its seconds."""
    started_s = time.monotonic()
    returned = call()
    return returned, time.monotonic() - started_s


def stage_seconds(answer: Answer) -> dict[str, float]:
    """Seconds of the server by stage, with `total`, as INFO tells them."""
    told = answer.info.get("stage_s")
    return {name: float(value) for name, value in told.items()} if isinstance(told, dict) else {}
