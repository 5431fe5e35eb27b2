"""Recordings sent to the service for enrolment, and its answers in their order."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.run_report import log
from inputs.audio_files import encoded_bytes
from inputs.recordings import Recording
from sending.access import Access
from sending.in_flight import Backoff, Retries, defer_interrupt, diarize_all
from sending.outcome import Answer, Failure
from sending.service import Service
from voices.enrolling import RecordingError, alike_in, others_in
from voices.speakers import NEEDED_OUTPUTS


class Asking:
    """How the service is asked about recordings of one person.

    Parameters
    ----------
    options : argparse.Namespace
        Where it is, how patient to be, and whether a voice is one whatever the service hears.
    guard : Access
        What opens it.
    backoff : Backoff
        How long a recording waits until it is sent again.
    """

    def __init__(self, options: argparse.Namespace, guard: Access, backoff: Backoff) -> None:
        self._options = options
        self._guard = guard
        self._backoff = backoff

    def check(self) -> None:
        """Ask whether the service is there; ServiceError if not."""
        with self._service({}) as service:
            service.check()

    def one_voice(self, paths: Sequence[Path]) -> list[Answer]:
        """Get an answer with one speaker, or none, for each recording.

        How many people talk is left to the service at first: told that there is one, it would mix
        all voices into one. Where it hears one voice in two pieces, it is asked again for one.

        Raises
        ------
        RecordingError
            If a recording fails, or several people talk in it; `problems` tells of all of them.
        """
        if self._options.force:
            return self._answers(paths, num_speakers=1)
        answers = self._answers(paths)
        threshold = self._options.voice_threshold
        if problems := [problem for each in answers if (problem := _problem(each, threshold))]:
            raise RecordingError(*problems)
        for each in answers:
            _warn_of_alike(each, threshold)
        in_pieces = [each.recording.path for each in answers if each.n_speakers > 1]
        again = iter(self._answers(in_pieces, num_speakers=1))
        return [next(again) if each.n_speakers > 1 else each for each in answers]

    def _answers(self, paths: Sequence[Path], **parameters: int) -> list[Answer]:
        recordings = [Recording(f"voice-{number}", path) for number, path in enumerate(paths)]
        retries = Retries(self._options.retry_for, self._backoff)
        with self._service(parameters) as service, defer_interrupt() as interrupted:

            def loaded(recording: Recording) -> bytes:
                return encoded_bytes(recording.path, stopped=interrupted)

            outcomes = list(
                diarize_all(service, recordings, loaded, self._options.jobs, interrupted, retries)
            )
        failed = [each for each in outcomes if isinstance(each, Failure)]
        if failed:
            raise RecordingError(*map(_sentence, failed))
        arrived = {each.recording: each for each in outcomes if isinstance(each, Answer)}
        return [arrived[recording] for recording in recordings]

    def _service(self, parameters: Mapping[str, int]) -> Service:
        options = self._options
        asked = {**parameters, **({"mode": options.mode} if options.mode else {})}
        return Service(
            options.url, options.model_name, options.timeout, asked, self._guard, NEEDED_OUTPUTS
        )


def _sentence(failure: Failure) -> str:
    path = str(failure.recording.path)
    return failure.reason if path in failure.reason else f"{path}: {failure.reason}"


def _warn_of_alike(answer: Answer, threshold: float) -> None:
    if cosines := alike_in(answer, threshold):
        log.warning(
            "%s: got %d speakers, whose voices are alike by a cosine of %.2f: taken for one person",
            answer.recording.path,
            len(cosines) + 1,
            min(cosines),
        )


def _problem(answer: Answer, threshold: float) -> str | None:
    others_s = others_in(answer, threshold)
    if not others_s:
        return None
    lengths = ", ".join(f"{length_s:.1f} s" for length_s in others_s)
    return (
        f"{answer.recording.path}: got {len(others_s) + 1} people, beside the one who talks most "
        f"others for {lengths}; expected one: cut the others out, or --force where it is one "
        "person all the same"
    )
