"""Who the speakers of a recording are so far, under names that stay.

Clustering is that of the full mode, on all windows so far. It is repeated when there is reason to:
often in the first minute, then as the number of windows grows, and when windows are unlike every
speaker. New clusters take over the speakers with whom they share most windows.
"""

from collections.abc import Callable, Collection
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..arrays import Embeddings, Evidence, Labels, Shares, samples_of
from ..clustering import LEAST_WINDOWS, SOLO_SHARE, closeness, unit_length
from ..full.speakers import LEAST_SHARE, Heard, speaker_centroids
from ..options import Options, SpeakerBounds

OFTEN_WINDOWS = 60  # up to so many windows they are clustered with each new one
GROWTH = 1.15  # of the number of windows, after which they are clustered again
UNLIKE_COSINE = 0.4  # a window with a lower one to every speaker may be a new speaker's
STAY_COSINE = 0.1  # a window keeps its speaker if another one is not nearer by more than this
UNASSIGNED = -1


class Voice(NamedTuple):
    """What a speaker sounds like.

    Attributes
    ----------
    centroid
        shape=(dim,), of length one.
    n_solo
        Windows of the speaker with a single voice.
    """

    centroid: Embeddings
    n_solo: int


class Change(NamedTuple):
    """Windows that were one speaker's and are now another's."""

    middles: NDArray[np.float64]
    before: Labels
    after: Labels


class LiveSpeakers:
    """The windows so far and the speakers found in them.

    Parameters
    ----------
    options
        Those of the full mode.
    bounds
        Allowed number of speakers.

    Attributes
    ----------
    row_of
        Row of each window among all, by its first sample, in the order in which they were embedded.
    ids
        Number of the speaker of each row of `centroids`, kept for the whole recording.
    centroids
        shape=(n_speakers, dim), rows of length one.
    """

    def __init__(self, options: Options, bounds: SpeakerBounds) -> None:
        self.ids: list[int] = []
        self.centroids: Embeddings = np.empty((0, 0), np.float32)
        self._options = options
        self._bounds = bounds
        self._shares: Shares = np.empty(0)
        self._solo: Shares = np.empty(0)
        self._labels: Labels = np.empty(0, np.int64)
        self.row_of: dict[int, int] = {}
        self._n_clustered = 0
        self._n_odd = 0  # windows since then that are unlike every speaker
        self._n_odd_due = LEAST_WINDOWS  # of them, for which they are clustered again

    def is_known(self, begins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the windows that begin there have an embedding."""
        return np.array([int(begin) in self.row_of for begin in begins], bool)

    def rows_of(self, begins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of known windows among all, in the order in which they were embedded."""
        return np.array([self.row_of[int(begin)] for begin in begins], np.int64)

    def add(self, begins: NDArray[np.int64]) -> None:
        """Add windows whose embeddings have just been appended."""
        for begin in begins.tolist():
            self.row_of[begin] = len(self.row_of)
        n_new = len(begins)
        self._shares = np.append(self._shares, np.zeros(n_new))
        self._solo = np.append(self._solo, np.zeros(n_new))
        self._labels = np.append(self._labels, np.full(n_new, UNASSIGNED))

    def describe(self, begins: NDArray[np.int64], shares: Shares, solo: Shares) -> None:
        """Note the shares of speech, and of a single voice, of known windows."""
        rows = self.rows_of(begins)
        self._shares[rows], self._solo[rows] = shares, solo

    def evidence(self, unit: Embeddings) -> Evidence:
        """Share of each speaker in windows, shape=(n, n_speakers)."""
        return closeness(unit, self.centroids, self._options.cluster.sharpness)

    def voices(self) -> dict[int, Voice]:
        """Voice of each speaker, by number."""
        single = self._labels[(self._solo >= SOLO_SHARE) & (self._labels != UNASSIGNED)]
        counts = np.bincount(single, minlength=max(self.ids, default=0) + 1)
        return {
            number: Voice(centroid, int(counts[number]))
            for number, centroid in zip(self.ids, self.centroids, strict=True)
        }

    def update(
        self,
        fresh: Embeddings,
        all_embeddings: Callable[[], Embeddings],
        n_speech: int,
        n_overlap: int,
        in_use: Callable[[], Collection[int]],
    ) -> Change | None:
        """Find the speakers again, if there is reason to; else assign the new windows.

        Parameters
        ----------
        fresh
            Embeddings of the windows added last.
        all_embeddings
            Reads those of all windows, in the order in which they were added.
        n_speech, n_overlap
            See `full.speakers.Heard`.
        in_use
            Returns the numbers of speakers who were reported, and not relabeled since; no new
            speaker gets one of them.
        """
        if not self.row_of:
            return None
        self._assign(unit_length(fresh))
        if not self._is_due():
            return None
        begins = np.array(list(self.row_of), np.int64)
        order = np.argsort(begins, kind="stable")
        unit = unit_length(all_embeddings())
        heard = Heard(self._shares[order], self._solo[order], n_speech, n_overlap)
        self.centroids = speaker_centroids(heard, unit[order], self._options, self._bounds)
        cosines = unit @ self.centroids.T
        n_before = len(self.ids)
        self.ids = self._matched(cosines.argmax(axis=1), in_use())
        labels = labels_that_stay(cosines, self.ids, self._labels)
        changed = (self._labels != UNASSIGNED) & (self._labels != labels)
        middles = begins[changed] + samples_of(self._options.frames.window_s) / 2
        change = Change(middles, self._labels[changed], labels[changed])
        self._labels, self._n_clustered = labels, len(labels)
        self._n_odd = 0
        found_more = len(self.ids) > n_before
        self._n_odd_due = LEAST_WINDOWS if found_more else 2 * self._n_odd_due
        return change if changed.any() else None

    def _assign(self, fresh: Embeddings) -> None:
        """Assign the windows added last to the likeliest speakers so far; count the odd ones."""
        if not self.ids or len(fresh) == 0:
            return
        cosines = fresh @ self.centroids.T
        rows = np.arange(len(self._labels) - len(fresh), len(self._labels))
        self._labels[rows] = np.array(self.ids, np.int64)[cosines.argmax(axis=1)]
        odd = (self._solo[rows] >= SOLO_SHARE) & (cosines.max(axis=1) < UNLIKE_COSINE)
        self._n_odd += int(odd.sum())

    def _is_due(self) -> bool:
        n = len(self._labels)
        if n == self._n_clustered:
            return False
        often = n <= OFTEN_WINDOWS
        # As many as make a missed speaker, so that noise does not have hours clustered every time.
        most_odd = max(LEAST_WINDOWS, round(LEAST_SHARE * n))
        is_odd = self._n_odd >= min(self._n_odd_due, most_odd)
        return often or is_odd or n >= GROWTH * self._n_clustered

    def _matched(self, clusters: Labels, in_use: Collection[int]) -> list[int]:
        """Number of the speaker that each cluster is: the one it shares most windows with."""
        known = self._labels != UNASSIGNED
        shared = np.zeros((len(self.centroids), self._labels.max(initial=-1) + 1), np.int64)
        np.add.at(shared, (clusters[known], self._labels[known]), 1)
        pairs = zip(*linear_sum_assignment(-shared), strict=True)
        ids = {int(cluster): int(number) for cluster, number in pairs if shared[cluster, number]}
        fresh = (number for number in count() if number not in {*in_use, *ids.values()})
        return [ids[row] if row in ids else next(fresh) for row in range(len(self.centroids))]


def labels_that_stay(cosines: NDArray[np.float32], ids: list[int], before: Labels) -> Labels:
    """Give each window the nearest speaker, but the one before if no other is much nearer.

    Parameters
    ----------
    cosines
        Of windows and speakers, shape=(n, n_speakers).
    ids
        Numbers of the speakers.
    before
        Those of the windows before, shape=(n,); one may be of no speaker any more.
    """
    numbers = np.array(ids, np.int64)
    nearness = cosines + STAY_COSINE * (before[:, None] == numbers)
    labels: Labels = numbers[nearness.argmax(axis=1)]
    return labels
