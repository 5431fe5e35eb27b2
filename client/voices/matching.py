"""Which speaker of a recording is which enrolled person."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from console.run_report import log
from scoring.assignment import best_pairs
from voices.speakers import Speakers
from voices.store import names_in
from voices.voice import Centroids, Voice, VoicesError, unit_rows


class Match(NamedTuple):
    """An enrolled person, and the cosine of a speaker to them."""

    name: str
    cosine: float


def match_voices(
    centroids: Centroids, voices: Sequence[Voice], threshold: float
) -> dict[int, Match]:
    """Give speakers the names of the voices they are like, no name to two speakers.

    Of all assignments, the one whose cosines exceed the threshold most in sum: a speaker who is
    clearly one person is not moved to another to make room.

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
        By row of `centroids`, without the speakers who match no voice.
    """
    names = names_in(voices)
    cosines = name_cosines(centroids, voices)
    # A cosine equal to the threshold counts.
    gains = np.where(cosines >= threshold, cosines - threshold + np.finfo(np.float32).eps, 0.0)
    return {
        row: Match(names[column], float(cosines[row, column])) for row, column in best_pairs(gains)
    }


def name_cosines(centroids: Centroids, voices: Sequence[Voice]) -> NDArray[np.float64]:
    """Compare each speaker with each name: with the mean direction of its recordings.

    The mean is as near to the person as the nearest recording, and farther from others: see
    docs/voices.md.

    Returns
    -------
    NDArray
        shape=(n_speakers, n_names), names as in `names_in(voices)`.
    """
    if not voices:
        return np.empty((len(centroids), 0))
    recordings: dict[str, list[int]] = {}
    for number, voice in enumerate(voices):
        recordings.setdefault(voice.name, []).append(number)
    rows = np.stack([each.centroid for each in voices])
    means = unit_rows(np.stack([rows[own].sum(axis=0) for own in recordings.values()]))
    cosines: NDArray[np.float64] = centroids.astype(np.float64) @ means.T
    return cosines


class EnrolledVoices:
    """The enrolled voices of a run, of which those comparable with the service's are used.

    Parameters
    ----------
    voices
        Of any networks.
    threshold
        Least cosine at which a speaker is an enrolled person.
    """

    def __init__(self, voices: Sequence[Voice], threshold: float) -> None:
        self._voices = voices
        self._threshold = threshold
        self._comparable: dict[str, list[Voice]] = {}  # by kind of embeddings

    def match(self, speakers: Speakers) -> dict[str, Match]:
        """Match a recording's speakers, by their names in RTTM; those who match none are left out.

        Raises
        ------
        VoicesError
            If no voice is of the network that made the speakers' centroids.
        """
        if not self._voices or not speakers.names:
            return {}
        if speakers.kind not in self._comparable:
            self._comparable[speakers.kind] = self._select(speakers.kind)
        voices = self._comparable[speakers.kind]
        found = match_voices(speakers.centroids, voices, self._threshold)
        return {speakers.names[row]: match for row, match in found.items()}

    def _select(self, kind: str) -> list[Voice]:
        """Select the voices of this kind; warn of people who have no such voice."""
        selected = [voice for voice in self._voices if voice.kind == kind]
        if not selected:
            got = ", ".join(dict.fromkeys(voice.kind for voice in self._voices))
            raise VoicesError(
                f"the enrolled voices are of the speaker network {got}, expected {kind}, the "
                "service's: embeddings of different networks cannot be compared; enrol again with "
                "this service"
            )
        lost = [name for name in names_in(self._voices) if name not in names_in(selected)]
        if lost:
            log.warning(
                "not recognized, because enrolled with another speaker network than the service's, "
                "%s: %s",
                kind,
                ", ".join(lost),
            )
        return selected
