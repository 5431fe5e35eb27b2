"""Trials: is this found voice that enrolled one? Cosines of those who are one, and who are two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure.voice_measuring.hearing import Heard

Cosines = NDArray[np.float64]
OTHER_RECORDING, OTHER_HALF = "another recording", "the other half"


@dataclass(frozen=True)
class Trials:
    """Cosines of one condition.

    Parameters
    ----------
    genuine, impostor : Cosines
        shape=(n,), of one person's voices and of two people's.
    same_recording : NDArray[np.bool_]
        Of every impostor trial: whether the two people were recorded together.
    found_s : NDArray[np.float64]
        Of every genuine trial: seconds of speech that the service found.
    n_people : int
        Who take part in genuine trials.
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
        """The rate at which both errors are most equal, and the threshold there."""
        thresholds = np.unique(np.concatenate([self.genuine, self.impostor]))
        rejects = np.searchsorted(np.sort(self.genuine), thresholds) / len(self.genuine)
        accepts = 1 - np.searchsorted(np.sort(self.impostor), thresholds) / len(self.impostor)
        best = int(np.argmin(np.abs(rejects - accepts)))
        return float(rejects[best] + accepts[best]) / 2, float(thresholds[best])


def trials(enrolled: Sequence[Heard], found: Sequence[Heard], condition: str) -> Trials:
    """Pair all enrolled with all found voices of a condition.

    Parameters
    ----------
    enrolled, found
        Of any parts of recordings; those of the condition are taken.
    condition
        OTHER_RECORDING: from a whole recording, looked for in all others. OTHER_HALF: from the
        first half of one, genuine in its second half.
    """
    parts, genuine_pair = _RULES[condition]
    genuine, impostor, together, found_s, people = [], [], [], [], set()
    for one in enrolled:
        if one.excerpt.part != parts[0]:
            continue
        for other in found:
            if other.excerpt.part != parts[1]:
                continue
            cosine = float(np.float64(one.centroid) @ other.centroid)
            if one.person == other.person and genuine_pair(one, other):
                genuine.append(cosine)
                found_s.append(other.speech_s)
                people.add(one.person)
            elif one.person.known_apart(other.person):
                impostor.append(cosine)
                together.append(_recorded_together(one, other))
    return Trials(
        np.array(genuine),
        np.array(impostor),
        np.array(together, bool),
        np.array(found_s),
        len(people),
    )


def _recorded_together(one: Heard, other: Heard) -> bool:
    return _place(one) == _place(other)


def _place(heard: Heard) -> tuple[str, str]:
    return heard.excerpt.set_name, heard.excerpt.source


_Rule = tuple[tuple[str, str], Callable[[Heard, Heard], bool]]
_RULES: dict[str, _Rule] = {
    OTHER_RECORDING: (("whole", "whole"), lambda one, other: not _recorded_together(one, other)),
    OTHER_HALF: (("first", "second"), _recorded_together),
}
