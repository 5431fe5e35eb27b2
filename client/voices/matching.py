"""Which speaker of a recording is which enrolled person."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.assignment import best_pairs
from voices.store import names_in
from voices.voice import Centroids, Voice, unit_rows


class Match(NamedTuple):
    """A speaker is this person, by this cosine."""

    name: str
    cosine: float


def matches(centroids: Centroids, voices: Sequence[Voice], threshold: float) -> dict[int, Match]:
    """Give speakers the names of the voices they are like; no name to two speakers.

    Of all ways to give names, the one whose cosines are in sum farthest above the threshold: so a
    speaker who is clearly one person is not moved to another to make room.

    Parameters
    ----------
    centroids
        shape=(n_speakers, dim).
    voices
        Of the same network and dimension.
    threshold
        Least cosine.

    Returns
    -------
    dict of Match
        By row of `centroids`; strangers are not in it.
    """
    names = names_in(voices)
    cosines = name_cosines(centroids, voices)
    # A cosine right at the threshold counts.
    gains = np.where(cosines >= threshold, cosines - threshold + np.finfo(np.float32).eps, 0.0)
    return {
        row: Match(names[column], float(cosines[row, column])) for row, column in best_pairs(gains)
    }


def name_cosines(centroids: Centroids, voices: Sequence[Voice]) -> NDArray[np.float64]:
    """How much each speaker is like each name: like the mean direction of its recordings.

    The mean is as near to the person as the nearest recording, and farther from others: see
    docs/voices.md.

    Returns
    -------
    NDArray
        shape=(n_speakers, n_names), names as in `names_in(voices)`.
    """
    recordings: dict[str, list[int]] = {}
    for number, voice in enumerate(voices):
        recordings.setdefault(voice.name, []).append(number)
    if not voices:
        return np.empty((len(centroids), 0))
    rows = np.stack([each.centroid for each in voices])
    means = unit_rows(np.stack([rows[own].sum(axis=0) for own in recordings.values()]))
    cosines: NDArray[np.float64] = centroids.astype(np.float64) @ means.T
    return cosines
