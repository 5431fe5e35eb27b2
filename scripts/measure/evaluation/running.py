"""A set sent through the service, and what came back scored."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.run_report import RunReport
from formats.result import Turn
from formats.rttm import turns_of
from inputs.recordings import Recording
from measure.evaluation.results import RecordingResult, Scores, SetResult
from measure.kit.corpus import EvaluationSet
from measure.kit.sending import Connection, outcomes
from scoring.scores import Scorer, ScoringError
from sending.in_flight import Deliver
from sending.outcome import Answer, Failure, Outcome
from sending.service import Service


@dataclass(frozen=True)
class SetRun:
    """The outcome of each recording of a set by id, and the seconds that all of them took."""

    outcomes: Mapping[str, Outcome]
    wall_s: float


class CountingService(contextlib.AbstractContextManager["CountingService"]):
    """Sends each recording, some with their number of speakers.

    A `Service` sends all its recordings with the same parameters, so there is one per number.

    Parameters
    ----------
    connection
        Where to send.
    n_speakers
        Number of speakers by recording id; other recordings are sent without one.
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
            service = self._connection.service(num_speakers=n_speakers)
            self._services[n_speakers] = self._open.enter_context(service)
        self._services[n_speakers].send(recording, audio, deliver)


def true_speaker_counts(evaluation_set: EvaluationSet) -> dict[str, int]:
    """Return the number of speakers of each recording that has speech, by id."""
    counts = {
        name: len({turn.speaker for turn in turns_of(lines)})
        for name, lines in evaluation_set.reference.items()
    }
    return {name: count for name, count in counts.items() if count}


def run_set(
    evaluation_set: EvaluationSet,
    connection: Connection,
    n_speakers: Mapping[str, int],
    report: RunReport,
    clock: Callable[[], float] = time.monotonic,
) -> SetRun:
    """Send a set and wait for all its outcomes; KeyboardInterrupt soon after Ctrl-C."""
    started_s = clock()
    with CountingService(connection, n_speakers) as service:
        found = {
            outcome.recording.recording_id: outcome
            for outcome in outcomes(service, evaluation_set.recordings, connection.jobs, report)
        }
    return SetRun(found, clock() - started_s)


def set_result(evaluation_set: EvaluationSet, run: SetRun, md_eval: Path) -> SetResult:
    """Score the outcomes of a set; a recording that failed counts as missed altogether.

    Raises
    ------
    ScoringError
        If md-eval cannot score the whole set.
    """
    spoken = {name: lines for name, lines in evaluation_set.reference.items() if lines}
    scorer = Scorer(md_eval, spoken)
    rttms = {name: _rttm(run.outcomes[name]) for name in spoken}
    results = [
        _recording_result(run.outcomes[name], turns_of(lines), _own_scores(scorer, rttms, name))
        for name, lines in evaluation_set.reference.items()
    ]
    scores = tuple(scorer.scores(rttms)) if rttms else ()
    return SetResult(evaluation_set.name, results, scores, run.wall_s, evaluation_set.left_out)


def _own_scores(scorer: Scorer, rttms: Mapping[str, bytes], name: str) -> Scores:
    """Score one recording by itself; () if its speech is all inside the collars."""
    if name not in rttms:
        return ()
    try:
        return tuple(scorer.scores({name: rttms[name]}))
    except ScoringError:
        return ()  # if md-eval itself is at fault, so it is with the whole set


def _recording_result(
    outcome: Outcome, reference: tuple[Turn, ...], scores: Scores
) -> RecordingResult:
    name = outcome.recording.recording_id
    if isinstance(outcome, Failure):
        return RecordingResult(name, reference, (), scores, None, None, {}, outcome.reason)
    found = turns_of(outcome.rttm.decode(errors="replace").splitlines())
    return RecordingResult(
        name, reference, found, scores, outcome.audio_s, outcome.elapsed_s, outcome.info, None
    )


def _rttm(outcome: Outcome) -> bytes:
    return outcome.rttm if isinstance(outcome, Answer) else b""
