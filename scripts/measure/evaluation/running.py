"""A set sent through the service, and what came back scored."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from console.run_report import RunReport
from formats.result import Turn, speakers_of
from formats.rttm import turns_of
from inputs.recordings import Recording
from measure.evaluation.results import RecordingResult, Scores, SetResult
from measure.kit.corpus import EvaluationSet
from measure.kit.sending import Connection, outcomes
from scoring.scores import Scorer, ScoringError
from sending.outcome import Answer, Failure, Outcome


def run_set(
    evaluation_set: EvaluationSet,
    connection: Connection,
    report: RunReport,
    *,
    with_counts: bool,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[dict[str, Outcome], float]:
    """Send a set and wait for its answers.

    Parameters
    ----------
    with_counts
        Whether the true number of speakers is sent with each recording that has speech. A `Service`
        sends all its recordings with the same parameters: there is one per number, one by one.

    Returns
    -------
    outcomes, wall_s
        The outcome of each recording by id, and the seconds that all of them took.

    Raises
    ------
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    groups: dict[int | None, list[Recording]] = defaultdict(list)
    for recording in evaluation_set.recordings:
        count = len(speakers_of(turns_of(evaluation_set.reference[recording.recording_id])))
        groups[(count or None) if with_counts else None].append(recording)
    found = {}
    started_s = clock()
    for n_speakers, recordings in groups.items():
        with connection.service(num_speakers=n_speakers) as service:
            for outcome in outcomes(service, recordings, connection.jobs, report):
                found[outcome.recording.recording_id] = outcome
    return found, clock() - started_s


def set_result(
    evaluation_set: EvaluationSet, found: Mapping[str, Outcome], wall_s: float, md_eval: Path
) -> SetResult:
    """Score the outcomes of a set; a recording that failed counts as missed altogether.

    Raises
    ------
    ScoringError
        If md-eval cannot score the whole set.
    """
    spoken = {name: lines for name, lines in evaluation_set.reference.items() if lines}
    scorer = Scorer(md_eval, spoken)
    rttms = {name: _rttm(found[name]) for name in spoken}
    results = [
        _recording_result(found[name], turns_of(lines), _own_scores(scorer, rttms, name))
        for name, lines in evaluation_set.reference.items()
    ]
    scores = tuple(scorer.scores(rttms)) if rttms else ()
    return SetResult(evaluation_set.name, results, scores, wall_s, evaluation_set.left_out)


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
