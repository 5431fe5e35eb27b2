"""What the service finds in excerpts: voices to enrol, and people in talks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from console.run_report import RunReport
from formats.result import by_speaker, speakers_of
from formats.rttm import turns_in_rttm
from measure.kit.sending import Connection, outcomes
from measure.voice_measuring.excerpts import WHOLE, Excerpt, Person
from sending.outcome import Answer
from sending.service import ServiceError
from viewer.errors import match_speakers
from voices.enrolling import other_people_s
from voices.speakers import NEEDED_OUTPUTS, Speakers, read_speakers


class HeardVoice(NamedTuple):
    """A voice in an answer of the service: whose, where, its direction, and seconds of turns."""

    person: Person
    excerpt: Excerpt
    centroid: NDArray[np.float32]
    speech_s: float


class Talk(NamedTuple):
    """A whole recording, its speakers, and the person of each; None without a match."""

    excerpt: Excerpt
    speakers: Speakers
    people: list[Person | None]


@dataclass
class Hearing:
    """Everything that was heard.

    The last two say, for each person alone and each talk of several people, whether enroll.py
    refuses the recording because it hears several people in it.
    """

    enrolled: list[HeardVoice] = field(default_factory=list)  # of people alone
    found: list[HeardVoice] = field(default_factory=list)  # of people in talks
    talks: list[Talk] = field(default_factory=list)  # whole recordings
    alone_refused: list[bool] = field(default_factory=list)
    several_refused: list[bool] = field(default_factory=list)


def hear(excerpts: Sequence[Excerpt], connection: Connection, threshold: float) -> Hearing:
    """Send all excerpts as client.py and enroll.py do, and match speakers to people.

    Raises
    ------
    ServiceError
        If one fails.
    FormatError, VoicesError
        If an answer cannot be used.
    """
    hearing = Hearing()
    in_pieces = []
    for excerpt, answer in _answers(excerpts, connection):
        if excerpt.alone is None:
            _add_talk(hearing, excerpt, answer, threshold)
            continue
        refused = bool(other_people_s(answer, threshold))
        hearing.alone_refused.append(refused)
        if not refused and answer.n_speakers > 1:
            in_pieces.append(excerpt)
        elif not refused:
            hearing.enrolled += _voices(excerpt, answer, [excerpt.alone])
    if in_pieces:
        for excerpt, answer in _answers(in_pieces, connection, num_speakers=1):
            hearing.enrolled += _voices(excerpt, answer, [excerpt.alone])
    return hearing


def _answers(
    excerpts: Sequence[Excerpt], connection: Connection, num_speakers: int | None = None
) -> Iterable[tuple[Excerpt, Answer]]:
    report = RunReport(len(excerpts))
    answers = {}
    with connection.service(NEEDED_OUTPUTS, num_speakers) as service:
        service.check()
        recordings = [each.recording for each in excerpts]
        for outcome in outcomes(service, recordings, connection.jobs, report):
            if not isinstance(outcome, Answer):
                raise ServiceError("a recording failed: nothing was measured")
            answers[outcome.recording] = outcome
    report.close()
    return [(each, answers[each.recording]) for each in excerpts]


def _add_talk(hearing: Hearing, excerpt: Excerpt, answer: Answer, threshold: float) -> None:
    speakers = read_speakers(answer)
    true_names = match_speakers(excerpt.turns, turns_in_rttm(answer.rttm.decode()))
    people = [
        excerpt.person(true_names[name]) if name in true_names else None for name in speakers.names
    ]
    hearing.found += _voices(excerpt, answer, people)
    if excerpt.part != WHOLE:
        return
    hearing.talks.append(Talk(excerpt, speakers, people))
    if len(speakers_of(excerpt.turns)) > 1:
        hearing.several_refused.append(bool(other_people_s(answer, threshold)))


def _voices(
    excerpt: Excerpt, answer: Answer, people: Sequence[Person | None]
) -> Iterable[HeardVoice]:
    """Yield the voice of each speaker with a person; `people` are in the order of speakers."""
    turns = by_speaker(turns_in_rttm(answer.rttm.decode()))
    speakers = read_speakers(answer)
    for person, name, centroid in zip(people, speakers.names, speakers.centroids, strict=False):
        if person is not None:
            speech_s = sum(turn.end_ms - turn.start_ms for turn in turns[name]) / 1000
            yield HeardVoice(person, excerpt, centroid, speech_s)
