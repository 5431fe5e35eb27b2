"""One name for one voice across recordings: average-linkage clustering of all their speakers.

Two speakers of one recording are two people, so they are never joined, nor are two whose enrolled
names differ; those of one enrolled name are together from the start.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voices.speakers import Speakers
from voices.voice import Centroids

PREFIX = "VOICE"


def linked_names(
    spoken: Sequence[Speakers], known: Sequence[Mapping[str, str]], threshold: float
) -> list[dict[str, str]]:
    """Name every speaker of a run; the order of the recordings decides numbers, not groups.

    Parameters
    ----------
    spoken
        Speakers of every recording, of one network.
    known
        For every recording, enrolled names by the speakers' own; each at most once.
    threshold
        Least mean cosine at which groups are joined.

    Returns
    -------
    list of dict
        For every recording, by the speakers' own names: enrolled names, and `VOICE_000`,
        `VOICE_001`, ... by first appearance.
    """
    rows = [each.centroids for each in spoken if each.names]
    if not rows:
        return [{} for _ in spoken]
    places = [place for place, each in enumerate(spoken) for _ in each.names]
    people = [
        names.get(own) for each, names in zip(spoken, known, strict=True) for own in each.names
    ]
    groups = linked_groups(np.concatenate(rows), places, people, threshold)
    following = iter(_group_names(groups, people))
    return [{own: next(following) for own in each.names} for each in spoken]


def _group_names(groups: Sequence[int], people: Sequence[str | None]) -> list[str]:
    names = {group: name for group, name in zip(groups, people, strict=True) if name is not None}
    n_strangers = 0
    for group in groups:
        if group not in names:
            names[group] = f"{PREFIX}_{n_strangers:03d}"
            n_strangers += 1
    return [names[group] for group in groups]


def linked_groups(
    centroids: Centroids, recordings: Sequence[int], known: Sequence[str | None], threshold: float
) -> list[int]:
    """Group speakers; the number of a group is that of its first member.

    Parameters
    ----------
    centroids
        shape=(n, dim): speakers of all recordings.
    recordings
        Number of each one's recording.
    known
        Enrolled name of each one, where there is one; a name at most once in a recording.
    threshold
        Least mean cosine at which groups are joined.

    Returns
    -------
    list of int
        For every speaker.
    """
    n = len(centroids)
    similarity = centroids.astype(np.float64) @ centroids.T.astype(np.float64)
    similarity[_apart(recordings, known)] = -np.inf
    np.fill_diagonal(similarity, -np.inf)
    groups = _Groups(similarity)
    firsts: dict[str, int] = {}
    for number, name in enumerate(known):
        if name is not None and (first := firsts.setdefault(name, number)) != number:
            groups.join(first, number)
    while n > 1:
        one, other, closeness = groups.closest()
        if not closeness >= threshold:
            break
        groups.join(one, other)
    return groups.numbers.tolist()


def _apart(recordings: Sequence[int], known: Sequence[str | None]) -> NDArray[np.bool_]:
    """Which pairs are never joined, shape=(n, n)."""
    place = np.asarray(recordings, np.int64)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(known)) if name is not None}
    who = np.array([-1 if name is None else numbers[name] for name in known], np.int64)
    both_known = (who[:, None] >= 0) & (who[None, :] >= 0)
    return (place[:, None] == place[None, :]) | (both_known & (who[:, None] != who[None, :]))


class _Groups:
    """Groups under way; `similarity` between them is the mean over pairs, -inf where forbidden.

    A mean with -inf in it is -inf, so what is forbidden for a member stays so for its group.
    """

    def __init__(self, similarity: NDArray[np.float64]) -> None:
        self._similarity = similarity
        self._sizes = np.ones(len(similarity))
        self.numbers = np.arange(len(similarity))
        # Of each row, so that a step looks at n values and not at n^2.
        self._best = similarity.argmax(axis=1) if len(similarity) else np.empty(0, np.int64)

    def closest(self) -> tuple[int, int, float]:
        """The two groups that are most alike, the lower number first, and how much."""
        rows = np.arange(len(self._best))
        values = self._similarity[rows, self._best]
        one = int(values.argmax())
        pair = sorted((one, int(self._best[one])))
        return pair[0], pair[1], float(values[one])

    def join(self, one: int, other: int) -> None:
        """Make two groups one, which keeps the lower number."""
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
