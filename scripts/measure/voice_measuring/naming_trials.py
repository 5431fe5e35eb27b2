"""What a user of --voices and --link_speakers meets: names given rightly, wrongly, not at all."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from measure.voice_measuring.hearing import Heard, Hearing
from measure.voice_measuring.people import Person
from voices.linking import link_speakers
from voices.matching import match_voices
from voices.voice import Origin, Voice

RIGHT, WRONG, MISSED = "right name", "somebody else's", "not named"
STRANGER_NAMED, STRANGER_LEFT = "stranger named", "stranger left"
WAYS = ("nearest recording", "mean cosine", "mean direction")
_NOWHERE = Origin("", "", 0.0, "", "", "")


def name_counts(hearing: Hearing, enrol_s: float, threshold: float) -> Counter[str]:
    """Look in every whole recording for everybody enrolled from other ones, and count outcomes.

    Speakers who are nobody in the reference, or who may be somebody enrolled, are not counted.
    """
    counts: Counter[str] = Counter()
    for excerpt, speakers, people in hearing.talks:
        place = (excerpt.set_name, excerpt.source)
        voices = [
            (each.person, Voice(_key(each.person), "", each.centroid, _NOWHERE))
            for each in _from(hearing.enrolled, enrol_s)
            if (each.excerpt.set_name, each.excerpt.source) != place
        ]
        found = match_voices(speakers.centroids, [voice for _, voice in voices], threshold)
        enrolled = {who for who, _ in voices}
        for row, who in enumerate(people):
            if who is None:
                continue
            named = found[row].name if row in found else None
            counts[_outcome(who, named, enrolled)] += 1
    return counts


def _outcome(who: Person, named: str | None, enrolled: set[Person]) -> str:
    if who in enrolled:
        return MISSED if named is None else RIGHT if named == _key(who) else WRONG
    return STRANGER_LEFT if named is None else STRANGER_NAMED


def several_recordings(
    hearing: Hearing, enrol_s: float
) -> dict[str, tuple[list[float], list[float]]]:
    """Genuine and impostor scores where a name has two recordings or more, by way of scoring."""
    scores: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in WAYS}
    for found in hearing.found:
        if found.excerpt.part != "whole":
            continue
        by_person: dict[Person, list[Heard]] = {}
        for each in _from(hearing.enrolled, enrol_s):
            if (each.excerpt.set_name, each.excerpt.source) != (
                found.excerpt.set_name,
                found.excerpt.source,
            ):
                by_person.setdefault(each.person, []).append(each)
        for who, several in by_person.items():
            if len(several) > 1 and (who == found.person or who.known_apart(found.person)):
                for way, score in _scores(several, found).items():
                    scores[way][who != found.person].append(score)
    return scores


def _scores(several: Sequence[Heard], found: Heard) -> dict[str, float]:
    rows = np.stack([each.centroid for each in several]).astype(np.float64)
    mean = rows.mean(axis=0)
    cosines = rows @ found.centroid
    values = (cosines.max(), cosines.mean(), mean @ found.centroid / np.linalg.norm(mean))
    return dict(zip(WAYS, map(float, values), strict=True))


@dataclass
class Links:
    """Pairs of speakers of different recordings of a set.

    Parameters
    ----------
    n_people, n_voices : int
        How many people the set has, and how many voices --link_speakers makes of them.
    n_same, n_same_linked, n_different, n_different_linked : int
        Pairs of one person and of two, and how many of each got one name.
    """

    n_recordings: int = 0
    n_people: int = 0
    n_voices: int = 0
    n_same: int = 0
    n_same_linked: int = 0
    n_different: int = 0
    n_different_linked: int = 0


def links(hearing: Hearing, threshold: float) -> dict[str, Links]:
    """Link each set as client.py does; speakers who are nobody in the reference take part."""
    found: dict[str, Links] = {}
    for set_name in dict.fromkeys(excerpt.set_name for excerpt, _, _ in hearing.talks):
        talks = [talk for talk in hearing.talks if talk[0].set_name == set_name]
        spoken = [speakers for _, speakers, _ in talks]
        named = link_speakers(spoken, [{} for _ in talks], threshold)
        found[set_name] = _counted(
            [(names, talk[2]) for names, talk in zip(named, talks, strict=True)]
        )
    return found


def _counted(talks: Sequence[tuple[Mapping[str, str], Sequence[Person | None]]]) -> Links:
    who = [
        (place, person, name)
        for place, (names, people) in enumerate(talks)
        for person, name in zip(people, names.values(), strict=True)
        if person is not None
    ]
    counts = Links(len(talks), len({person for _, person, _ in who}))
    counts.n_voices = len({name for _, _, name in who})
    for number, (place, person, name) in enumerate(who):
        for other_place, other, other_name in who[:number]:
            if place == other_place:
                continue
            if person == other:
                counts.n_same += 1
                counts.n_same_linked += name == other_name
            elif person.known_apart(other):
                counts.n_different += 1
                counts.n_different_linked += name == other_name
    return counts


def _key(who: Person) -> str:
    return "/".join(part for part in (who.set_name, who.place, who.name) if part)


def _from(enrolled: Sequence[Heard], enrol_s: float) -> Iterator[Heard]:
    return (
        each
        for each in enrolled
        if each.excerpt.part == "whole" and each.excerpt.length_s == enrol_s
    )
