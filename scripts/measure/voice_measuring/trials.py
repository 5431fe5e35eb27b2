"""Trials: whether a found voice is an enrolled one, and what users of the client get by it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

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


class Trials(NamedTuple):
    """Cosines of one condition, of one person's voices (genuine) and of two people's (impostor).

    `found_s` are the seconds found of each genuine voice; `together` says of each impostor trial
    whether the two people were recorded together.
    """

    genuine: Cosines
    found_s: NDArray[np.float64]
    impostor: Cosines
    together: NDArray[np.bool_]
    n_people: int  # in genuine trials

    def equal_error(self) -> tuple[float, float]:
        """Return the rate at which both errors are most equal, and the threshold there."""
        thresholds = np.unique(np.concatenate([self.genuine, self.impostor]))
        rejects = np.searchsorted(np.sort(self.genuine), thresholds) / len(self.genuine)
        accepts = 1 - np.searchsorted(np.sort(self.impostor), thresholds) / len(self.impostor)
        best = int(np.argmin(np.abs(rejects - accepts)))
        return float(rejects[best] + accepts[best]) / 2, float(thresholds[best])


def trials(hearing: Hearing, enrol_s: float, condition: str) -> Trials:
    """Pair all voices enrolled with `enrol_s` with all found ones.

    Under OTHER_RECORDING they are enrolled from a whole recording and looked for in all others,
    under OTHER_HALF from the first half of one, genuine in its second half.
    """
    own, searched = (WHOLE, WHOLE) if condition == OTHER_RECORDING else (FIRST, SECOND)
    found = [each for each in hearing.found if each.excerpt.part == searched]
    genuine, impostor, people = [], [], set()
    for one in hearing.enrolled:
        if one.excerpt.part != own or one.excerpt.length_s != enrol_s:
            continue
        for other in found:
            cosine = float(np.float64(one.centroid) @ other.centroid)
            together = one.excerpt.place == other.excerpt.place
            if one.person.known_apart(other.person):
                impostor.append((cosine, together))
            elif one.person == other.person and together == (condition == OTHER_HALF):
                genuine.append((cosine, other.speech_s))
                people.add(one.person)
    cosines, found_s = np.array(genuine, float).reshape(-1, 2).T
    impostors, recorded_together = np.array(impostor, float).reshape(-1, 2).T
    return Trials(cosines, found_s, impostors, recorded_together.astype(bool), len(people))


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


class Links(NamedTuple):
    """What --link_speakers makes of a set.

    `same` and `different` say of each pair across recordings, of one person and of two, whether it
    got one name.
    """

    n_recordings: int
    n_people: int
    n_voices: int
    same: list[bool]
    different: list[bool]


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
    same, different = list[bool](), list[bool]()
    for number, (place, person, name) in enumerate(speakers):
        for other_place, other, other_name in speakers[:number]:
            if place != other_place and person == other:
                same.append(name == other_name)
            elif place != other_place and person.known_apart(other):
                different.append(name == other_name)
    n_people = len({person for _, person, _ in speakers})
    return Links(len(named), n_people, len({name for *_, name in speakers}), same, different)


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
