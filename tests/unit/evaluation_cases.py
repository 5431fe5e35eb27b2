"""Hand-made recordings, outcomes and results for the tests of the evaluation."""

from dataclasses import replace
from pathlib import Path

from formats.result import Turn
from inputs.recordings import Recording
from measure.evaluation.results import RecordingResult, SetResult
from measure.kit.corpus import EvaluationSet
from scoring.scores import Score
from sending.outcome import Answer, Failure


def rttm(name, *turns):
    """RTTM of (begin s, end s, speaker) turns."""
    return "".join(
        f"SPEAKER {name} 1 {begin:.3f} {end - begin:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for begin, end, speaker in turns
    )


def recording(name):
    return Recording(name, Path(f"{name}.wav"))


def known_set(name, **turns):
    """A set of recordings with these true turns, by id."""
    reference = {each: rttm(each, *own).splitlines() for each, own in turns.items()}
    return EvaluationSet(name, tuple(map(recording, turns)), reference)


def answered(name, *turns, audio_s=100.0, elapsed_s=2.0, **info):
    info = {"audio_s": audio_s, **info}
    return Answer(recording(name), rttm(name, *turns).encode(), info, elapsed_s)


def failed(name, reason="no answer"):
    return Failure(recording(name), reason)


def score(der, collar_s=0.25):
    return Score(collar_s, der, der, 0.0, 0.0)


def result(name, der=None, *, true=None, found=None, failure=None):
    """A recording that scores `der` at both collars; `true` and `found` name its speakers.

    By default there is one, found as one, and no speech at all without a rate.
    """
    if true is None:
        true = "" if der is None else "x"
    if found is None:
        found = true if failure is None else ""
    scores = () if der is None else (score(der), score(der, 0.0))
    turns = [[Turn(0, 1000, speaker) for speaker in speakers] for speakers in (true, found)]
    audio_s = None if failure else 10.0
    return RecordingResult(name, *turns, scores, audio_s, 1.0, {}, failure)


def set_of(name, *results, der=None):
    scores = () if der is None else (score(der), score(der, 0.0))
    return SetResult(name, results, scores, 5.0, ())


def lasting(minutes, der, found="xy"):
    return replace(result(f"m{minutes}", der, true="xy", found=found), audio_s=60.0 * minutes)


LONG = set_of("long", lasting(60, 9.0, "x"), lasting(4, 1.0), lasting(16, 3.0, "xyz"))
ALIKE = set_of("alike", lasting(5, 1.0), lasting(4, 1.0))
