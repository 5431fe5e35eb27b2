"""What a run would do, and all that would go wrong as far as one can know without sending audio."""

import argparse
from dataclasses import dataclass

from console.durations import hours
from console.run_report import log
from inputs.audio_files import AudioError
from inputs.audio_lengths import audio_length_s
from inputs.wav_scp import Recording
from scoring.scores import Scorer
from sending.run import Run, service_of


@dataclass(frozen=True)
class _Looked:
    """One recording as its header tells it: its length in seconds if known, or a problem."""

    recording: Recording
    length_s: float | None = None
    problem: str | None = None


def dry_run(options: argparse.Namespace, run: Run) -> bool:
    """Tell every recording with its length and files, and ask the service whether it is ready.

    Returns
    -------
    bool
        Whether nothing was found that would make recordings or the scores fail.

    Raises
    ------
    ServiceError
        If the service would keep the run from starting.
    """
    for recording_id in run.rttms:
        log.info("%s: done by an earlier run", recording_id)
    looked = [_looked_at(recording) for recording in run.missing]
    for each in looked:
        _tell(each, run)
    good = [each for each in looked if each.problem is None]
    log.info(
        "would send %d of %d recording(s), %s of audio%s; nothing was sent or written",
        len(good),
        len(run.recordings),
        hours(sum(each.length_s or 0 for each in good)),
        "" if all(each.length_s is not None for each in good) else " and more of unknown length",
    )
    scored = run.scorer is None or _has_reference(run, run.scorer)
    if any(each.recording.file_problem is None for each in looked):
        with service_of(options, run) as service:
            service.check()
        log.info("the service at %s is ready", options.url)
    return scored and len(good) == len(looked)


def _looked_at(recording: Recording) -> _Looked:
    if problem := recording.file_problem:
        return _Looked(recording, problem=problem)
    try:
        return _Looked(recording, audio_length_s(recording.path))
    except AudioError as error:
        return _Looked(recording, problem=str(error))


def _tell(looked: _Looked, run: Run) -> None:
    recording = looked.recording
    name = recording.recording_id
    if looked.problem is not None:
        log.error("%s: %s%s", name, recording.place, looked.problem)
        return
    length = "unknown length" if looked.length_s is None else hours(looked.length_s)
    files = ", ".join(map(str, run.sink.files_of(name))) or "standard output"
    log.info("%s: %s of %s -> %s", name, length, recording.path, files)


def _has_reference(run: Run, scorer: Scorer) -> bool:
    if not scorer.with_reference(run.ids):
        log.error("no score: no recording of this run has speech in the reference")
        return False
    run.warn_of_unscored(scorer)
    return True
