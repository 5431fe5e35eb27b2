"""One identity for one voice in a whole corpus, by approximate nearest neighbours.

The groups are those of average linkage, as `voices.linking` finds them over all pairs; here only
pairs are looked at that an index finds to be near. The mean cosine of two groups is the product of
the sums of their members, so no pairs are kept.
"""

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from voices.voice import Centroids, unit_rows

N_NEIGHBOURS = 32
N_LINKS = 32  # of a vector in the index; source: Malkov and Yashunin 2016, HNSW
EXPLORED = 128
MOST_ROUNDS = 20
PREFIX = "VOICE"


def identities(centroids: Centroids, recordings: Sequence[int], threshold: float) -> list[str]:
    """Name the voice of every speaker.

    Parameters
    ----------
    centroids
        shape=(n, dim): unit vectors of the speakers of all recordings.
    recordings
        Number of each one's recording; two of one recording are two people.
    threshold
        Least mean cosine at which groups are joined.

    Returns
    -------
    list of str
        `VOICE_000000`, `VOICE_000001`, ... by first appearance.
    """
    groups = _Groups(centroids, recordings)
    for _ in range(MOST_ROUNDS):
        alive = groups.alive()
        if len(alive) < 2:  # noqa: PLR2004
            break
        n_joined = 0
        for one, other in near_pairs(unit_rows(groups.sums[alive].astype(np.float32)), threshold):
            n_joined += groups.join(int(alive[one]), int(alive[other]), threshold)
        if not n_joined:
            break
    numbers: dict[int, int] = {}
    heads = [groups.head(each) for each in range(len(centroids))]
    return [f"{PREFIX}_{numbers.setdefault(head, len(numbers)):06d}" for head in heads]


def near_pairs(rows: Centroids, threshold: float) -> NDArray[np.int64]:
    """Find pairs of rows whose cosine is at least a threshold, the nearest first.

    Returns
    -------
    NDArray
        shape=(n_pairs, 2), each pair once; of every row the N_NEIGHBOURS nearest at most.
    """
    index = faiss.IndexHNSWFlat(rows.shape[1], N_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = index.hnsw.efSearch = EXPLORED
    index.add(rows)
    cosines, found = index.search(rows, min(N_NEIGHBOURS + 1, len(rows)))
    own = np.repeat(np.arange(len(rows)), found.shape[1])
    pairs = np.stack([own, found.reshape(-1)], axis=1)
    values = cosines.reshape(-1)
    kept = (pairs[:, 1] >= 0) & (pairs[:, 0] != pairs[:, 1]) & (values >= threshold)
    pairs = np.sort(pairs[kept], axis=1)
    pairs, first = np.unique(pairs, axis=0, return_index=True)
    order = np.argsort(-values[kept][first], kind="stable")
    nearest: NDArray[np.int64] = pairs[order]
    return nearest


class _Groups:
    """Speakers joined so far; `sums` has the sum of a group's members in the row of its head."""

    def __init__(self, centroids: Centroids, recordings: Sequence[int]) -> None:
        self.sums = centroids.astype(np.float64)
        self._sizes = np.ones(len(centroids))
        self._heads = np.arange(len(centroids))
        self._recordings = [{number} for number in recordings]

    def head(self, member: int) -> int:
        """The first speaker of a group."""
        while self._heads[member] != member:
            self._heads[member] = self._heads[self._heads[member]]
            member = int(self._heads[member])
        return member

    def alive(self) -> NDArray[np.int64]:
        """Heads of all groups."""
        return np.flatnonzero(self._heads == np.arange(len(self._heads)))

    def join(self, one: int, other: int, threshold: float) -> bool:
        """Join the groups of two speakers if they are near and share no recording."""
        one, other = sorted((self.head(one), self.head(other)))
        if one == other or not self._recordings[one].isdisjoint(self._recordings[other]):
            return False
        if self.sums[one] @ self.sums[other] < threshold * self._sizes[one] * self._sizes[other]:
            return False
        self.sums[one] += self.sums[other]
        self._sizes[one] += self._sizes[other]
        self._recordings[one] |= self._recordings[other]
        self._heads[other] = one
        return True
