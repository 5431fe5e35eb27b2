"""What a run found: for every recording, for every set, and over the sets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from formats.result import Turn
from measure.kit.turns import covered_ms
from scoring.scores import Score

LENGTH_FACTOR = 2  # recordings of a set whose lengths differ by more are shown by length
Scores = tuple[Score, ...]  # one for each of scoring.COLLARS_S, or none


@dataclass(frozen=True)
class RecordingResult:
    """One recording.

    Parameters
    ----------
    recording_id
        Its id within its set.
    reference, found
        True turns and found ones, by begin; none found where it failed.
    scores
        None where it holds no speech, or none outside the collars.
    audio_s, elapsed_s
        Length, and time from sending to answer; None where the service did not return it.
    info
        The answer's INFO.
    failure
        Why there is no answer.
    """

    recording_id: str
    reference: Sequence[Turn]
    found: Sequence[Turn]
    scores: Scores
    audio_s: float | None
    elapsed_s: float | None
    info: Mapping[str, Any]
    failure: str | None

    @property
    def stage_s(self) -> dict[str, float]:
        """Seconds of the server by stage, with `total`, as far as INFO has them."""
        stage_s = self.info.get("stage_s")
        stages = stage_s.items() if isinstance(stage_s, dict) else ()
        return {name: float(value) for name, value in stages if isinstance(value, int | float)}

    @property
    def n_speakers(self) -> tuple[int, int | None]:
        """True and found number of speakers; the second None where it failed."""
        true, found = ({turn.speaker for turn in turns} for turns in (self.reference, self.found))
        return len(true), None if self.failure else len(found)

    @property
    def false_speech_s(self) -> float | None:
        """Seconds with a turn where there is no speech at all; None where there is, or failed."""
        if self.reference or self.failure:
            return None
        return covered_ms(self.found) / 1000

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
        known = [each for each in self.recordings if each.audio_s and each.reference]
        known.sort(key=lambda each: each.audio_s or 0.0)
        lengths_s = [each.audio_s or 0.0 for each in known]
        return known if known and lengths_s[-1] > LENGTH_FACTOR * lengths_s[0] else []

    def n_within(self, limit: int) -> int:
        """Count the recordings with at most `limit` speakers too many or too few."""
        counts = [each.n_speakers for each in self.recordings]
        return sum(found is not None and abs(true - found) <= limit for true, found in counts)

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


def mean_scores(sets: Iterable[SetResult]) -> Scores:
    """Average each collar's rates over the sets that have them, every set weighing the same."""
    scored = [each.scores for each in sets if each.scores]
    return tuple(_mean(same_collar) for same_collar in zip(*scored, strict=True))


def worst_recordings(sets: Iterable[SetResult], n: int) -> list[tuple[SetResult, RecordingResult]]:
    """Pick the `n` recordings of the highest error rates, worst first."""
    scored = [(each, one) for each in sets for one in each.recordings if one.scores]
    scored.sort(key=lambda pair: [score.der for score in pair[1].scores], reverse=True)
    return scored[:n]


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


def _mean(scores: Sequence[Score]) -> Score:
    rates = ("der", "miss", "false_alarm", "confusion")
    means = {name: fmean(getattr(score, name) for score in scores) for name in rates}
    return Score(scores[0].collar_s, **means)
