"""One name for one voice across recordings: average-linkage clustering of all their speakers.

Two speakers of one recording are two people, so they are never joined, nor are two with different
enrolled names; those with the same enrolled name are joined from the start.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voices.speakers import Speakers
from voices.voice import Centroids

PREFIX = "VOICE"


def link_speakers(
    speakers: Sequence[Speakers], enrolled: Sequence[Mapping[str, str]], threshold: float
) -> list[dict[str, str]]:
    """Name every speaker of a run; the order of the recordings affects numbers, not groups.

    Parameters
    ----------
    speakers
        Speakers of every recording, of one network.
    enrolled
        For every recording, enrolled names by the speakers' own; each at most once.
    threshold
        Least mean cosine at which groups are joined.

    Returns
    -------
    list of dict
        For every recording, by the speakers' own names: enrolled names, and `VOICE_000`,
        `VOICE_001`, ... by first appearance.
    """
    rows = [each.centroids for each in speakers if each.names]
    if not rows:
        return [{} for _ in speakers]
    recordings = [number for number, each in enumerate(speakers) for _ in each.names]
    people = [
        names.get(own) for each, names in zip(speakers, enrolled, strict=True) for own in each.names
    ]
    groups = cluster_speakers(np.concatenate(rows), recordings, people, threshold)
    following = iter(_group_names(groups, people))
    return [{own: next(following) for own in each.names} for each in speakers]


def _group_names(groups: Sequence[int], people: Sequence[str | None]) -> list[str]:
    names = {group: name for group, name in zip(groups, people, strict=True) if name is not None}
    n_unknown = 0
    for group in groups:
        if group not in names:
            names[group] = f"{PREFIX}_{n_unknown:03d}"
            n_unknown += 1
    return [names[group] for group in groups]


def cluster_speakers(
    centroids: Centroids,
    recordings: Sequence[int],
    enrolled: Sequence[str | None],
    threshold: float,
) -> list[int]:
    """Group speakers; the number of a group is that of its first member.

    Parameters
    ----------
    centroids
        shape=(n, dim): speakers of all recordings.
    recordings
        Number of each one's recording.
    enrolled
        Enrolled name of each one, or None; a name at most once in a recording.
    threshold
        Least mean cosine at which groups are joined.

    Returns
    -------
    list of int
        For every speaker.
    """
    n = len(centroids)
    similarity = centroids.astype(np.float64) @ centroids.T.astype(np.float64)
    similarity[_forbidden_pairs(recordings, enrolled)] = -np.inf
    np.fill_diagonal(similarity, -np.inf)
    groups = _Groups(similarity)
    firsts: dict[str, int] = {}
    for number, name in enumerate(enrolled):
        if name is not None and (first := firsts.setdefault(name, number)) != number:
            groups.join(first, number)
    while n > 1:
        one, other, closeness = groups.closest()
        if not closeness >= threshold:
            break
        groups.join(one, other)
    return groups.numbers.tolist()


def _forbidden_pairs(
    recordings: Sequence[int], enrolled: Sequence[str | None]
) -> NDArray[np.bool_]:
    """Mark the pairs that are never joined, shape=(n, n)."""
    place = np.asarray(recordings, np.int64)
    names = dict.fromkeys(name for name in enrolled if name is not None)
    numbers = {name: number for number, name in enumerate(names)}
    who = np.array([-1 if name is None else numbers[name] for name in enrolled], np.int64)
    both_known = (who[:, None] >= 0) & (who[None, :] >= 0)
    return (place[:, None] == place[None, :]) | (both_known & (who[:, None] != who[None, :]))


class _Groups:
    """Groups so far; `similarity` between them is the mean over pairs, -inf if forbidden.

    A mean with -inf in it is -inf, so what is forbidden for a member is so for its group.
    """

    def __init__(self, similarity: NDArray[np.float64]) -> None:
        self._similarity = similarity
        self._sizes = np.ones(len(similarity))
        self.numbers = np.arange(len(similarity))
        # The best of each row, so that a step looks at n values and not at n^2.
        self._best = similarity.argmax(axis=1) if len(similarity) else np.empty(0, np.int64)

    def closest(self) -> tuple[int, int, float]:
        """Find the two most similar groups, the lower number first, and their similarity."""
        rows = np.arange(len(self._best))
        values = self._similarity[rows, self._best]
        one = int(values.argmax())
        pair = sorted((one, int(self._best[one])))
        return pair[0], pair[1], float(values[one])

    def join(self, one: int, other: int) -> None:
        """Join two groups; the lower number stays."""
        one, other = sorted((one, other))
        rows, sizes = self._similarity, self._sizes
        joined = (sizes[one] * rows[one] + sizes[other] * rows[other]) / (sizes[one] + sizes[other])
        joined[[one, other]] = -np.inf
        rows[one], rows[:, one] = joined, joined
        rows[other], rows[:, other] = -np.inf, -np.inf
        sizes[one] += sizes[other]
        self.numbers[self.numbers == other] = one
        stale = np.isin(self._best, (one, other))
        stale[[one, other]] = True
        self._best[stale] = rows[stale].argmax(axis=1)
