"""What the service hears in excerpts: voices to enrol, and people found in talks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from console.run_report import RunReport
from inputs.audio_files import encoded_bytes
from measure.evaluation.rttm_turns import Turn, speakers_of, turns_of
from measure.kit.sending import Connection
from measure.voice_measuring.excerpts import Excerpt
from measure.voice_measuring.people import Person, person
from scoring.assignment import best_pairs
from sending.in_flight import defer_interrupt, diarize_all
from sending.outcome import Answer
from sending.service import Service, ServiceError
from voices.enrolling import other_people_s
from voices.speakers import NEEDED_OUTPUTS, Speakers, read_speakers

IsLocal = Callable[[str], bool]  # whether the names of this set mean nothing beyond a recording


@dataclass(frozen=True)
class Heard:
    """A voice as the service hears it.

    Parameters
    ----------
    person : Person
        Whose it is.
    excerpt : Excerpt
        Where it was heard.
    centroid : NDArray[np.float32]
        shape=(dim,), of length one.
    speech_s : float
        Seconds of turns that the service gave it.
    """

    person: Person
    excerpt: Excerpt
    centroid: NDArray[np.float32] = field(compare=False, repr=False)
    speech_s: float


@dataclass
class Hearing:
    """All that was heard.

    Parameters
    ----------
    enrolled, found : list[Heard]
        Voices of people alone, and of people found in talks.
    talks : list[tuple[Excerpt, Speakers, list[Person | None]]]
        Whole recordings, and who each of their speakers is; None for who is nobody.
    refused : list[Excerpt]
        People alone in whose recording enroll.py hears others.
    n_alone, n_talks_of_several, n_talks_refused : int
        How many people alone there are, talks of several, and of these refused for enrolment.
    """

    enrolled: list[Heard] = field(default_factory=list)
    found: list[Heard] = field(default_factory=list)
    talks: list[tuple[Excerpt, Speakers, list[Person | None]]] = field(default_factory=list)
    refused: list[Excerpt] = field(default_factory=list)
    n_alone: int = 0
    n_talks_of_several: int = 0
    n_talks_refused: int = 0


def heard(
    excerpts: Sequence[Excerpt], connection: Connection, is_local: IsLocal, threshold: float
) -> Hearing:
    """Send all excerpts as client.py and enroll.py do, and find out who is who.

    Raises
    ------
    ServiceError
        If one fails.
    """
    report = RunReport(len(excerpts))
    answers = _answers(excerpts, connection, report)
    hearing = Hearing()
    in_pieces = []
    for excerpt in excerpts:
        answer = answers[excerpt.recording.recording_id]
        if excerpt.alone is None:
            _take_talk(hearing, excerpt, answer, is_local(excerpt.set_name), threshold)
            continue
        hearing.n_alone += 1
        if other_people_s(answer, threshold):
            hearing.refused.append(excerpt)
        elif answer.n_speakers > 1:
            in_pieces.append(excerpt)
        else:
            _take_alone(hearing, excerpt, answer)
    if in_pieces:
        again = _answers(in_pieces, connection, RunReport(len(in_pieces)), num_speakers=1)
        for excerpt in in_pieces:
            _take_alone(hearing, excerpt, again[excerpt.recording.recording_id])
    report.close()
    return hearing


def _answers(
    excerpts: Iterable[Excerpt], connection: Connection, report: RunReport, **more: int
) -> dict[str, Answer]:
    answers = {}
    parameters = {**connection.parameters, **more}
    asking = (connection.url, connection.model_name, connection.timeout_s, parameters)
    recordings = [each.recording for each in excerpts]
    with Service(*asking, outputs=NEEDED_OUTPUTS) as service, defer_interrupt() as interrupted:
        service.check()
        outcomes = diarize_all(
            service,
            recordings,
            lambda recording: encoded_bytes(recording.path),
            connection.jobs,
            interrupted,
        )
        for outcome in outcomes:
            if not isinstance(outcome, Answer):
                raise ServiceError(f"{outcome.recording.recording_id}: {outcome.reason}")
            report.done(outcome)
            answers[outcome.recording.recording_id] = outcome
    return answers


def _take_alone(hearing: Hearing, excerpt: Excerpt, answer: Answer) -> None:
    speakers = read_speakers(answer)
    if speakers.names and excerpt.alone:
        speech_s = sum(_talk_s(answer, speakers))
        hearing.enrolled.append(Heard(excerpt.alone, excerpt, speakers.centroids[0], speech_s))


def _take_talk(
    hearing: Hearing, excerpt: Excerpt, answer: Answer, local: bool, threshold: float
) -> None:
    speakers = read_speakers(answer)
    people = _people(excerpt, answer, speakers, local)
    talk_s = _talk_s(answer, speakers)
    for who, centroid, speech_s in zip(people, speakers.centroids, talk_s, strict=True):
        if who is not None:
            hearing.found.append(Heard(who, excerpt, centroid, speech_s))
    if excerpt.part != "whole":
        return
    hearing.talks.append((excerpt, speakers, people))
    if len(speakers_of(excerpt.turns)) > 1:
        hearing.n_talks_of_several += 1
        hearing.n_talks_refused += bool(other_people_s(answer, threshold))


def _people(
    excerpt: Excerpt, answer: Answer, speakers: Speakers, local: bool
) -> list[Person | None]:
    """Who each speaker is: the one-to-one way in which most of the time is the same."""
    turns = turns_of(answer.rttm.decode().splitlines())
    names = speakers_of(excerpt.turns)
    shared_s = np.array(
        [
            [
                _shared_s(
                    [turn for turn in turns if turn.speaker == own],
                    [turn for turn in excerpt.turns if turn.speaker == name],
                )
                for name in names
            ]
            for own in speakers.names
        ]
    ).reshape(len(speakers.names), len(names))
    found: list[Person | None] = [None] * len(speakers.names)
    for row, column in best_pairs(shared_s):
        found[row] = person(names[column], excerpt.source, excerpt.set_name, local)
    return found


def _shared_s(some: Iterable[Turn], others: Sequence[Turn]) -> float:
    return sum(
        max(0.0, min(one.end_s, other.end_s) - max(one.begin_s, other.begin_s))
        for one in some
        for other in others
    )


def _talk_s(answer: Answer, speakers: Speakers) -> list[float]:
    turns = turns_of(answer.rttm.decode().splitlines())
    return [
        sum(turn.end_s - turn.begin_s for turn in turns if turn.speaker == name)
        for name in speakers.names
    ]
