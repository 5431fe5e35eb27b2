"""From recordings of one person to voices that can be kept, or the reasons why they cannot.

`Enroller` sends the recordings; the functions decide what their answers say of one voice.
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from console.run_report import log
from formats.result import seconds, talk_ms
from formats.rttm import turns_in_rttm
from inputs.audio_files import encoded_bytes
from inputs.recordings import Recording
from sending.access import Access
from sending.in_flight import Backoff, Retries, defer_interrupt, diarize_all
from sending.outcome import Answer, Failure
from sending.service import Service
from voices.matching import match_voices
from voices.speakers import NEEDED_OUTPUTS, Speakers, read_speakers
from voices.voice import Origin, Voice, VoicesError

LEAST_SPEECH_S = 3.0
# Who talks for less is more often a piece of the same voice than another person.
LEAST_OTHER_S = 2.0


class RecordingError(VoicesError):
    """Recordings that do not have one person's voice."""


class Enroller:
    """Sends recordings of one person to the service.

    Parameters
    ----------
    options
        Address of the service, time limits, and `force`, which skips the check for one speaker.
    guard
        Credentials for the service.
    backoff
        How long a recording waits until it is sent again.
    """

    def __init__(self, options: argparse.Namespace, guard: Access, backoff: Backoff) -> None:
        self._options = options
        self._guard = guard
        self._backoff = backoff

    def check(self) -> None:
        """Check that the service can be reached; ServiceError if not."""
        with self._service({}) as service:
            service.check()

    def diarize_one_speaker(self, paths: Sequence[Path]) -> list[Answer]:
        """Get an answer with at most one speaker for each recording.

        The service counts the speakers at first: if it were asked for one, it would mix all voices
        into one. A recording in which it finds one voice in pieces is sent again for one speaker.

        Raises
        ------
        RecordingError
            If recordings fail or have several speakers, with a sentence for each of them.
        """
        if self._options.force:
            return self._diarize(paths, num_speakers=1)
        answers = self._diarize(paths)
        threshold = self._options.voice_threshold
        problems = [_several_speakers(answer, threshold) for answer in answers]
        if found := [problem for problem in problems if problem]:
            raise RecordingError(*found)
        for answer in answers:
            _warn_of_similar(answer, threshold)
        in_pieces = [each.recording.path for each in answers if each.n_speakers > 1]
        again = iter(self._diarize(in_pieces, num_speakers=1))
        return [next(again) if each.n_speakers > 1 else each for each in answers]

    def _diarize(self, paths: Sequence[Path], **parameters: int) -> list[Answer]:
        recordings = [Recording(f"voice-{number}", path) for number, path in enumerate(paths)]
        retries = Retries(self._options.retry_for, self._backoff)
        with self._service(parameters) as service, defer_interrupt() as interrupted:

            def load(recording: Recording) -> bytes:
                return encoded_bytes(recording.path, stopped=interrupted)

            outcomes = list(
                diarize_all(service, recordings, load, self._options.jobs, interrupted, retries)
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


def _warn_of_similar(answer: Answer, threshold: float) -> None:
    """Warn of further speakers who are taken for pieces of the same voice.

    Mostly they are; but two people may be as much alike.
    """
    if cosines := [cosine for _, cosine in _other_speakers(answer) if cosine >= threshold]:
        log.warning(
            "%s: got %d speakers, whose voices are alike by a cosine of %.2f: taken for one person",
            answer.recording.path,
            len(cosines) + 1,
            min(cosines),
        )


def _several_speakers(answer: Answer, threshold: float) -> str | None:
    others_s = other_people_s(answer, threshold)
    if not others_s:
        return None
    lengths = ", ".join(f"{length_s:.1f} s" for length_s in others_s)
    return (
        f"{answer.recording.path}: got {len(others_s) + 1} people, expected one: beside the one "
        f"who talks most, others talk for {lengths}; cut them out, or use --force if it is one "
        "person"
    )


def other_people_s(answer: Answer, threshold: float) -> list[float]:
    """Seconds that other people talk, beside the one who talks most; empty if it is one person.

    Speakers count whose voice is clearly another and who talk for long enough to say so.

    Parameters
    ----------
    answer
        To a request without a number of speakers.
    threshold
        Cosine to the longest speaker from which it is the same voice.
    """
    return [length_s for length_s, cosine in _other_speakers(answer) if cosine < threshold]


def _other_speakers(answer: Answer) -> list[tuple[float, float]]:
    """Seconds and cosine to the longest speaker, of all others who talk for long enough."""
    speakers = read_speakers(answer)
    talk_s = _talk_s(answer, speakers)
    if not talk_s:
        return []
    longest = int(np.argmax(talk_s))
    cosines = (speakers.centroids @ speakers.centroids[longest]).tolist()
    pairs = enumerate(zip(talk_s, cosines, strict=True))
    return [pair for row, pair in pairs if row != longest and pair[0] >= LEAST_OTHER_S]


def extract_voice(name: str, answer: Answer, model_name: str) -> Voice:
    """Make a voice of an answer to a request for one speaker.

    Raises
    ------
    RecordingError
        If there is no or too little speech.
    """
    speakers = read_speakers(answer)
    speech_s = sum(_talk_s(answer, speakers))
    path = answer.recording.path
    if len(speakers.names) > 1:
        raise RecordingError(
            f"{path}: got {len(speakers.names)} speakers from the service, expected the one that "
            "was asked for"
        )
    if speech_s < LEAST_SPEECH_S:
        got = f"got {seconds(round(speech_s * 1000))} s of speech" if speech_s else "got no speech"
        raise RecordingError(f"{path}: {got}, expected at least {LEAST_SPEECH_S:g} s")
    origin = Origin(
        path.name,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        round(speech_s, 3),
        model_name,
        str(answer.info.get("mode")),
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    return Voice(name, speakers.network, speakers.centroids[0], origin)


def refuse_mismatches(new: Sequence[Voice], kept: Sequence[Voice], threshold: float) -> None:
    """Refuse new voices that are like no other of the same name: probably another person's.

    Raises
    ------
    RecordingError
        With a sentence for each of them.
    """
    problems = []
    for voice in new:
        others = [each for each in (*new, *kept) if _comparable(each, voice)]
        cosines = [float(voice.centroid @ each.centroid) for each in others]
        if cosines and max(cosines) < threshold:
            problems.append(
                f"{voice.origin.file_name}: got a voice that is like no other recording of "
                f"{voice.name}, with a cosine of {max(cosines):.2f} at most, expected at least "
                f"{threshold:g}: leave it out, or use --force if it is the same person"
            )
    if problems:
        raise RecordingError(*problems)


def find_similar_name(voice: Voice, voices: Sequence[Voice], threshold: float) -> str | None:
    """Find the name of another enrolled person whom this voice would be taken for."""
    others = [each for each in voices if each.name != voice.name and each.kind == voice.kind]
    found = match_voices(voice.centroid[None], others, threshold)
    return found[0].name if found else None


def _comparable(one: Voice, other: Voice) -> bool:
    """Whether they are of one name, but of two recordings: each is like itself."""
    same_recording = one.origin.audio_sha256 == other.origin.audio_sha256
    return one.name == other.name and one.kind == other.kind and not same_recording


def _talk_s(answer: Answer, speakers: Speakers) -> list[float]:
    own_ms = talk_ms(turns_in_rttm(answer.rttm.decode()))
    return [own_ms[name] / 1000 for name in speakers.names]
