"""From answers to voices that can be kept, or the reasons why they cannot."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np

from formats.result import seconds
from formats.rttm import turns_in_rttm
from sending.outcome import Answer
from voices.matching import matches
from voices.speakers import Speakers, speakers_of
from voices.voice import Origin, Voice, VoicesError

LEAST_SPEECH_S = 3.0
# Who talks for less is more often a piece of the same voice than another person.
LEAST_OTHER_S = 2.0


class RecordingError(VoicesError):
    """Recordings that do not tell one person's voice."""


def others_in(answer: Answer, threshold: float) -> list[float]:
    """Seconds that other people talk, beside the one who talks most; none if it is one person.

    Counted are speakers whose voice is clearly another and who talk for long enough to tell.

    Parameters
    ----------
    answer
        To a request without a number of speakers.
    threshold
        Cosine to the longest speaker from which it is the same voice.
    """
    return [length_s for length_s, near in _others(answer) if near < threshold]


def alike_in(answer: Answer, threshold: float) -> list[float]:
    """Cosines of others who talk for as long, and whose voice may be that of the longest speaker.

    Mostly they are pieces of one voice; but two people may be as much alike.
    """
    return [near for _, near in _others(answer) if near >= threshold]


def _others(answer: Answer) -> list[tuple[float, float]]:
    """Seconds, and cosine to the one who talks most, of all others who talk for long enough."""
    speakers = speakers_of(answer)
    talk_s = _talk_s(answer, speakers)
    if not talk_s:
        return []
    longest = int(np.argmax(talk_s))
    cosines = (speakers.centroids @ speakers.centroids[longest]).tolist()
    pairs = enumerate(zip(talk_s, cosines, strict=True))
    return [pair for row, pair in pairs if row != longest and pair[0] >= LEAST_OTHER_S]


def voice_of(name: str, answer: Answer, model_name: str) -> Voice:
    """Take the one voice of an answer to a request for one speaker.

    Raises
    ------
    RecordingError
        If there is no or too little speech.
    """
    speakers = speakers_of(answer)
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


def refuse_strangers(new: Sequence[Voice], kept: Sequence[Voice], threshold: float) -> None:
    """Refuse recordings that sound like no other of the same name: one is somebody else's.

    Raises
    ------
    RecordingError
        If there are such among the new ones.
    """
    problems = []
    for voice in new:
        others = [each for each in (*new, *kept) if _comparable(each, voice)]
        cosines = [float(voice.centroid @ each.centroid) for each in others]
        if cosines and max(cosines) < threshold:
            problems.append(
                f"{voice.origin.file_name}: got a voice that is like no other recording of "
                f"{voice.name}, by a cosine of {max(cosines):.2f}, expected at least {threshold:g}:"
                " leave it out, or --force where it is the same person all the same"
            )
    if problems:
        raise RecordingError(*problems)


def sounds_like(voice: Voice, voices: Sequence[Voice], threshold: float) -> str | None:
    """Name of another enrolled person whom this voice would be taken for."""
    others = [each for each in voices if each.name != voice.name and each.kind == voice.kind]
    found = matches(voice.centroid[None], others, threshold)
    return found[0].name if found else None


def _comparable(one: Voice, other: Voice) -> bool:
    """Whether they are of one name, and of two recordings: each is like itself."""
    same_recording = one.origin.audio_sha256 == other.origin.audio_sha256
    return one.name == other.name and one.kind == other.kind and not same_recording


def _talk_s(answer: Answer, speakers: Speakers) -> list[float]:
    turns = turns_in_rttm(answer.rttm.decode())
    return [
        sum(turn.end_ms - turn.start_ms for turn in turns if turn.speaker == name) / 1000
        for name in speakers.names
    ]
