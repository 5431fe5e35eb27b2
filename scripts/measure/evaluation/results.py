"""What a run found: for every recording, for every set, and over the sets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from measure.evaluation.rttm_turns import Turn, covered_s, speakers_of, turns_of
from measure.evaluation.sending import SetRun
from measure.evaluation.sets import EvaluationSet
from measure.evaluation.speaker_counts import SpeakerCounts
from scoring.md_eval import Score, ScoringError
from scoring.scores import Scorer
from sending.outcome import Answer, Failure, Outcome

LENGTH_FACTOR = 2  # recordings of a set whose lengths differ by more are shown by length
Scores = tuple[Score, ...]  # one for each of scoring.COLLARS_S, or none


@dataclass(frozen=True)
class RecordingResult:
    """One recording.

    Parameters
    ----------
    recording_id : str
        Its id within its set.
    reference, found : list[Turn]
        True turns and found ones; none found where it failed.
    scores : Scores
        None where it holds no speech, or none outside the collars.
    audio_s, elapsed_s : float | None
        Length, and time from sending to answer; None where the service told none.
    info : Mapping[str, Any]
        What the service told about its work.
    failure : str | None
        Why there is no answer.
    """

    recording_id: str
    reference: list[Turn]
    found: list[Turn]
    scores: Scores
    audio_s: float | None
    elapsed_s: float | None
    info: Mapping[str, Any]
    failure: str | None

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds of the server by stage, with `total`, where it told them."""
        told = self.info.get("stage_s")
        stages = told.items() if isinstance(told, dict) else ()
        return {name: float(value) for name, value in stages if isinstance(value, int | float)}

    @property
    def has_speech(self) -> bool:
        """Whether it is scored by error rate; else any turn in it is a false alarm."""
        return bool(self.reference)

    @property
    def n_speakers(self) -> tuple[int, int | None]:
        """True and found number of speakers; the second None where it failed."""
        found = None if self.failure else len(speakers_of(self.found))
        return len(speakers_of(self.reference)), found

    @property
    def false_speech_s(self) -> float | None:
        """Seconds with a turn where there is no speech at all; None where there is, or failed."""
        return None if self.has_speech or self.failure else covered_s(self.found)

    @property
    def false_speech_percent(self) -> float | None:
        """The same as a share of the recording; None also where its length is not known."""
        return _false_speech_percent([self])


@dataclass(frozen=True)
class SetResult:
    """One set; `scores` pool all its recordings that have speech, in one md-eval run."""

    name: str
    recordings: Sequence[RecordingResult]
    scores: Scores
    wall_s: float
    left_out: tuple[str, ...]

    @property
    def audio_s(self) -> float:
        """Seconds of all recordings that were answered."""
        return sum(each.audio_s or 0.0 for each in self.recordings)

    @property
    def by_length(self) -> list[RecordingResult]:
        """The answered recordings with speech, shortest first; none if all are about as long."""
        known = [
            (each.audio_s, each) for each in self.recordings if each.audio_s and each.has_speech
        ]
        known.sort(key=lambda pair: pair[0])
        differ = known and known[-1][0] > LENGTH_FACTOR * known[0][0]
        return [each for _, each in known] if differ else []

    @property
    def counts(self) -> SpeakerCounts:
        """True against found numbers of speakers of the recordings that were answered."""
        return SpeakerCounts.of(
            (true, found)
            for true, found in (each.n_speakers for each in self.recordings)
            if found is not None
        )

    @property
    def false_speech_percent(self) -> float | None:
        """Share of the time in which speech was found where there is none."""
        return _false_speech_percent(self.recordings)

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds of the server by stage, all recordings added."""
        total: Counter[str] = Counter()
        for each in self.recordings:
            total.update(each.stage_s)
        return dict(total)


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


def mean_scores(sets: Iterable[SetResult]) -> Scores:
    """Average each collar's rates over the sets that have them, every set weighing the same."""
    scored = [each.scores for each in sets if each.scores]
    if not scored:
        return ()
    return tuple(_mean(same_collar) for same_collar in zip(*scored, strict=True))


def worst_recordings(sets: Iterable[SetResult], n: int) -> list[tuple[SetResult, RecordingResult]]:
    """Pick the `n` recordings of the highest error rates, worst first."""
    scored = [(each, one) for each in sets for one in each.recordings if one.scores]
    return sorted(scored, key=_badness, reverse=True)[:n]


def _false_speech_percent(recordings: Iterable[RecordingResult]) -> float | None:
    """Share of the time of all recordings without speech that were answered."""
    silent = [
        (each.false_speech_s, each.audio_s)
        for each in recordings
        if each.false_speech_s is not None and each.audio_s
    ]
    if not silent:
        return None
    false_s, audio_s = (sum(seconds) for seconds in zip(*silent, strict=True))
    return 100 * false_s / audio_s


def _own_scores(scorer: Scorer, rttms: Mapping[str, bytes], name: str) -> Scores:
    """Score one recording by itself; none if its speech is all inside the collars."""
    if name not in rttms:
        return ()
    try:
        return tuple(scorer.scores({name: rttms[name]}))
    except ScoringError:
        return ()  # if md-eval itself is at fault, the whole set's score will tell


def _recording_result(outcome: Outcome, reference: list[Turn], scores: Scores) -> RecordingResult:
    name = outcome.recording.recording_id
    if isinstance(outcome, Failure):
        return RecordingResult(name, reference, [], scores, None, None, {}, outcome.reason)
    found = turns_of(outcome.rttm.decode(errors="replace").splitlines())
    return RecordingResult(
        name, reference, found, scores, outcome.audio_s, outcome.elapsed_s, outcome.info, None
    )


def _rttm(outcome: Outcome) -> bytes:
    return outcome.rttm if isinstance(outcome, Answer) else b""


def _badness(pair: tuple[SetResult, RecordingResult]) -> list[float]:
    return [score.der for score in pair[1].scores]


def _mean(scores: Sequence[Score]) -> Score:
    rates = ("der", "miss", "false_alarm", "confusion")
    means = {name: fmean(getattr(score, name) for score in scores) for name in rates}
    return Score(scores[0].collar_s, **means)
