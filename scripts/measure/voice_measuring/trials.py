"""Trials: whether a found voice is an enrolled one, and what users of the client get by it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure.voice_measuring.excerpts import FIRST, SECOND, WHOLE, Person
from measure.voice_measuring.hearing import HeardVoice, Hearing
from voices.linking import link_speakers
from voices.matching import match_voices
from voices.voice import Origin, Voice

Cosines = NDArray[np.float64]
OTHER_RECORDING, OTHER_HALF = "another recording", "the other half"
RIGHT, WRONG, MISSED = "right name", "wrong name", "not named"
UNKNOWN_NAMED, UNKNOWN_LEFT = "unknown, named", "unknown, not named"
SCORINGS = ("nearest recording", "mean cosine", "mean direction")
_NO_ORIGIN = Origin("", "", 0.0, "", "", "")


@dataclass(frozen=True)
class Trials:
    """Cosines of one condition.

    Parameters
    ----------
    genuine, impostor
        shape=(n,), of one person's voices and of two people's.
    same_recording
        Of every impostor trial: whether the two people were recorded together.
    found_s
        Of every genuine trial: seconds of speech that the service found.
    n_people
        Number of people in genuine trials.
    """

    genuine: Cosines
    impostor: Cosines
    same_recording: NDArray[np.bool_]
    found_s: NDArray[np.float64]
    n_people: int

    def false_rejects(self, threshold: float) -> float:
        """Share of genuine trials below the threshold; NaN where there is none."""
        return float(np.mean(self.genuine < threshold)) if len(self.genuine) else float("nan")

    def false_accepts(self, threshold: float, together: bool = False) -> float:
        """Share of impostor trials at it or above, of those recorded together alone if asked."""
        cosines = self.impostor[self.same_recording] if together else self.impostor
        return float(np.mean(cosines >= threshold)) if len(cosines) else float("nan")

    def equal_error(self) -> tuple[float, float]:
        """Return the rate at which both errors are most equal, and the threshold there."""
        thresholds = np.unique(np.concatenate([self.genuine, self.impostor]))
        rejects = np.searchsorted(np.sort(self.genuine), thresholds) / len(self.genuine)
        accepts = 1 - np.searchsorted(np.sort(self.impostor), thresholds) / len(self.impostor)
        best = int(np.argmin(np.abs(rejects - accepts)))
        return float(rejects[best] + accepts[best]) / 2, float(thresholds[best])


def trials(enrolled: Sequence[HeardVoice], found: Sequence[HeardVoice], condition: str) -> Trials:
    """Pair all enrolled with all found voices of a condition.

    Parameters
    ----------
    enrolled, found
        Of any parts of recordings; those of the condition are taken.
    condition
        OTHER_RECORDING: from a whole recording, looked for in all others. OTHER_HALF: from the
        first half of one, genuine in its second half.
    """
    parts = (WHOLE, WHOLE) if condition == OTHER_RECORDING else (FIRST, SECOND)
    genuine, impostor, together, found_s, people = [], [], [], [], set()
    for one in (each for each in enrolled if each.excerpt.part == parts[0]):
        for other in (each for each in found if each.excerpt.part == parts[1]):
            cosine = float(np.float64(one.centroid) @ other.centroid)
            same_recording = one.excerpt.place == other.excerpt.place
            if one.person == other.person:
                if same_recording == (condition == OTHER_HALF):
                    genuine.append(cosine)
                    found_s.append(other.speech_s)
                    people.add(one.person)
            elif one.person.known_apart(other.person):
                impostor.append(cosine)
                together.append(same_recording)
    return Trials(
        np.array(genuine),
        np.array(impostor),
        np.array(together, bool),
        np.array(found_s),
        len(people),
    )


def name_counts(hearing: Hearing, enrol_s: float, threshold: float) -> Counter[str]:
    """Look in every whole recording for everyone enrolled from other ones, and count outcomes.

    Speakers without a match in the reference, or who may be enrolled, are not counted.
    """
    counts: Counter[str] = Counter()
    for talk in hearing.talks:
        enrolled = list(_enrolled_elsewhere(hearing, enrol_s, talk.excerpt.place))
        people = {each.person for each in enrolled}
        voices = [Voice(_key(each.person), "", each.centroid, _NO_ORIGIN) for each in enrolled]
        found = match_voices(talk.speakers.centroids, voices, threshold)
        for row, person in enumerate(talk.people):
            if person is None:
                continue
            name = found[row].name if row in found else None
            if person in people:
                counts[MISSED if name is None else RIGHT if name == _key(person) else WRONG] += 1
            else:
                counts[UNKNOWN_LEFT if name is None else UNKNOWN_NAMED] += 1
    return counts


def several_recordings(
    hearing: Hearing, enrol_s: float
) -> dict[str, tuple[list[float], list[float]]]:
    """Return genuine and impostor scores where a name has several recordings, by SCORINGS."""
    scores: dict[str, tuple[list[float], list[float]]] = {each: ([], []) for each in SCORINGS}
    for found in (each for each in hearing.found if each.excerpt.part == WHOLE):
        by_person: dict[Person, list[HeardVoice]] = {}
        for each in _enrolled_elsewhere(hearing, enrol_s, found.excerpt.place):
            by_person.setdefault(each.person, []).append(each)
        for person, several in by_person.items():
            is_same = person == found.person
            if len(several) > 1 and (is_same or person.known_apart(found.person)):
                rows = np.stack([each.centroid for each in several]).astype(np.float64)
                cosines, mean = rows @ found.centroid, rows.mean(axis=0)
                direction = mean @ found.centroid / np.linalg.norm(mean)
                values = (cosines.max(), cosines.mean(), direction)
                for scoring, value in zip(SCORINGS, values, strict=True):
                    scores[scoring][not is_same].append(float(value))
    return scores


@dataclass
class Links:
    """What --link_speakers makes of a set.

    Parameters
    ----------
    n_people, n_voices
        Number of people in the set, and of voices that it makes of them.
    n_same, n_same_linked, n_different, n_different_linked
        Pairs, across recordings, of one person and of two; how many of each got one name.
    """

    n_recordings: int = 0
    n_people: int = 0
    n_voices: int = 0
    n_same: int = 0
    n_same_linked: int = 0
    n_different: int = 0
    n_different_linked: int = 0


def links(hearing: Hearing, threshold: float) -> dict[str, Links]:
    """Link each set as client.py does; speakers without a match in the reference too."""
    found: dict[str, Links] = {}
    for set_name in dict.fromkeys(talk.excerpt.place[0] for talk in hearing.talks):
        talks = [talk for talk in hearing.talks if talk.excerpt.place[0] == set_name]
        named = link_speakers([talk.speakers for talk in talks], [{} for _ in talks], threshold)
        found[set_name] = _count_links(named, [talk.people for talk in talks])
    return found


def _count_links(
    named: Sequence[Mapping[str, str]], people: Sequence[Sequence[Person | None]]
) -> Links:
    speakers = [
        (place, person, name)
        for place, (names, own) in enumerate(zip(named, people, strict=True))
        for person, name in zip(own, names.values(), strict=True)
        if person is not None
    ]
    counts = Links(len(named), len({person for _, person, _ in speakers}))
    counts.n_voices = len({name for _, _, name in speakers})
    for number, (place, person, name) in enumerate(speakers):
        for other_place, other, other_name in speakers[:number]:
            if place == other_place:
                continue
            if person == other:
                counts.n_same += 1
                counts.n_same_linked += name == other_name
            elif person.known_apart(other):
                counts.n_different += 1
                counts.n_different_linked += name == other_name
    return counts


def _enrolled_elsewhere(
    hearing: Hearing, enrol_s: float, place: tuple[str, str]
) -> Iterator[HeardVoice]:
    """Yield the voices enrolled with `enrol_s` of whole recordings other than `place`."""
    return (
        each
        for each in hearing.enrolled
        if each.excerpt.part == WHOLE
        and each.excerpt.length_s == enrol_s
        and each.excerpt.place != place
    )


def _key(person: Person) -> str:
    return "/".join(filter(None, (person.set_name, person.recording_id, person.name)))
