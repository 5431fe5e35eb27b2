"""A set's recordings sent through the service, and how long that took."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from console.run_report import RunReport
from inputs.audio_files import encoded_bytes
from inputs.wav_scp import Recording
from measure.evaluation.rttm_turns import speakers_of, turns_of
from measure.evaluation.sets import EvaluationSet
from sending.in_flight import Deliver, diarize_all
from sending.interrupt import noted_interrupt
from sending.outcome import Answer, Failure, Outcome
from sending.service import Service

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Connection:
    """Where and how recordings are sent.

    Parameters
    ----------
    url : str
        gRPC host:port.
    model_name : str
        The model's name.
    timeout_s : float
        Longest time for one recording.
    jobs : int
        Recordings in flight.
    parameters : Parameters
        Request parameters of every recording.
    """

    url: str
    model_name: str
    timeout_s: float
    jobs: int
    parameters: Parameters

    def service(self, **more: int) -> Service:
        """Open a connection; `more` are further request parameters."""
        return Service(self.url, self.model_name, self.timeout_s, {**self.parameters, **more})


@dataclass(frozen=True)
class SetRun:
    """What came of a set: an outcome for each recording by id, and the seconds it took in all."""

    outcomes: Mapping[str, Outcome]
    wall_s: float


class CountTold(contextlib.AbstractContextManager["CountTold"]):
    """Sends each recording, with its number of speakers where that is to be told.

    A service sends all its recordings with the same parameters, so there is one per number.

    Parameters
    ----------
    connection : Connection
        Where to send.
    n_speakers : Mapping[str, int]
        Number of speakers by recording id; ids that are missing are sent without one.
    """

    def __init__(self, connection: Connection, n_speakers: Mapping[str, int]) -> None:
        self._connection = connection
        self._n_speakers = n_speakers
        self._open = contextlib.ExitStack()
        self._services: dict[int | None, Service] = {}

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        """Send one recording; `deliver` gets its outcome later."""
        n_speakers = self._n_speakers.get(recording.recording_id)
        if n_speakers not in self._services:
            more = {} if n_speakers is None else {"num_speakers": n_speakers}
            service = self._open.enter_context(self._connection.service(**more))
            self._services[n_speakers] = service
        self._services[n_speakers].send(recording, audio, deliver)


def true_speaker_counts(evaluation_set: EvaluationSet) -> dict[str, int]:
    """Number of speakers of each recording that has speech, by id."""
    counts = {
        name: len(speakers_of(turns_of(lines))) for name, lines in evaluation_set.reference.items()
    }
    return {name: count for name, count in counts.items() if count}


def run_set(
    evaluation_set: EvaluationSet,
    connection: Connection,
    n_speakers: Mapping[str, int],
    report: RunReport,
    clock: Callable[[], float] = time.monotonic,
) -> SetRun:
    """Send a set and wait for all its outcomes.

    Raises
    ------
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    outcomes: dict[str, Outcome] = {}
    started_s = clock()
    with CountTold(connection, n_speakers) as told, noted_interrupt() as interrupted:
        arriving = diarize_all(
            told, evaluation_set.recordings, _loaded, connection.jobs, interrupted
        )
        for outcome in arriving:
            outcomes[outcome.recording.recording_id] = outcome
            _tell(outcome, report)
    return SetRun(outcomes, clock() - started_s)


def _loaded(recording: Recording) -> bytes:
    return encoded_bytes(recording.path)


def _tell(outcome: Outcome, report: RunReport) -> None:
    if isinstance(outcome, Answer):
        report.done(outcome)
    elif isinstance(outcome, Failure):
        report.failed(outcome)
