"""Joining groups of windows of one speaker, the most alike first."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .arrays import Embeddings, Labels

USUAL_COSINE = 0.4  # of two windows of one voice; for groups too small to measure their own
LEAST_COSINE = 0.1  # of a group's own windows; a group of noise would be like everything

Array = NDArray[np.float64]


class Groups:
    """Groups of windows, and the sums from which the likeness of any two follows.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one, in order of time.
    labels
        shape=(n,), groups 0 ... k-1, none empty.

    Attributes
    ----------
    sizes
        shape=(k,), number of windows.
    products
        shape=(k, k), sum of the cosines of all pairs of windows of two groups.
    """

    def __init__(self, unit: Embeddings, labels: Labels) -> None:
        n, k = len(unit), int(labels.max()) + 1
        member = csr_array((np.ones(n), labels, np.arange(n + 1)), shape=(n, k))
        sums = member.T @ unit
        self.sizes = np.bincount(labels).astype(np.float64)
        self.products: Array = sums @ sums.T
        # Windows next to each other overlap, so their cosine says little about the voice.
        beside = np.flatnonzero(labels[1:] == labels[:-1])
        cosines = np.einsum("ij,ij->i", unit[beside], unit[beside + 1])
        self._beside = np.bincount(labels[beside], cosines, minlength=k)
        self._n_beside = np.bincount(labels[beside], minlength=k)

    def absorb(self, kept: int, gone: int) -> None:
        """Add group `gone` to group `kept`; the entries of `gone` become meaningless."""
        self.products[kept] += self.products[gone]
        self.products[:, kept] += self.products[:, gone]
        for counts in (self.sizes, self._beside, self._n_beside):
            counts[kept] += counts[gone]

    def own_cosines(self) -> Array:
        """Mean cosine of two windows of each group, shape=(k,), without adjacent windows."""
        n_pairs = self.sizes * (self.sizes - 1) - 2 * self._n_beside
        total = np.diag(self.products) - self.sizes - 2 * self._beside
        means = np.where(n_pairs > 0, total / np.maximum(n_pairs, 1), USUAL_COSINE)
        return np.maximum(means, LEAST_COSINE)


Likeness = Callable[[Groups, int | slice], Array]


def mean_cosine(groups: Groups, rows: int | slice) -> Array:
    """Mean cosine of the windows of these groups to those of all groups."""
    likeness: Array = groups.products[rows] / np.multiply.outer(groups.sizes[rows], groups.sizes)
    return likeness


def voice_likeness(groups: Groups, rows: int | slice) -> Array:
    """Likeness of the voices of these groups to those of all groups: about 1 for one voice.

    The mean cosine of two groups' windows, divided by the geometric mean of the cosines within
    each. So length of windows, noise and sizes of groups do not matter, as they do for the cosine
    of two means. It is Spearman's correction of a correlation for attenuation, "The proof and
    measurement of association" (1904).
    """
    own = groups.own_cosines()
    return mean_cosine(groups, rows) / np.sqrt(np.multiply.outer(own[rows], own))


def minus_ward_loss(groups: Groups, rows: int | slice) -> Array:
    """Minus the loss of joining these groups and others, weighted by size as in Ward's method.

    The loss is small if one group has few windows, or if the voices are alike.
    """
    sizes = groups.sizes
    weights = np.multiply.outer(sizes[rows], sizes) / np.add.outer(sizes[rows], sizes)
    return weights * (voice_likeness(groups, rows) - 1)


def greatest_likeness(unit: Embeddings, labels: Labels, likeness: Likeness) -> float:
    """Likeness of the two groups that are most alike; parameters as in `join`."""
    return float(_of_different_groups(Groups(unit, labels), likeness).max())


def join(
    unit: Embeddings, labels: Labels, likeness: Likeness, least: float, fewest: int = 1
) -> Labels:
    """Join groups, the two most alike first.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one, in order of time.
    labels
        shape=(n,), groups 0 ... k-1, none empty. Time and memory grow with the square of k.
    least
        Likeness down to which groups are joined.
    fewest
        Number of groups at which joining ends at the latest.
    """
    groups = Groups(unit, labels)
    scores = _of_different_groups(groups, likeness)
    becomes = np.arange(len(scores))
    for _ in range(len(scores) - fewest):
        kept, gone = (int(each) for each in np.unravel_index(np.argmax(scores), scores.shape))
        if scores[kept, gone] < least:
            break
        groups.absorb(kept, gone)
        becomes[becomes == gone] = kept
        scores[gone] = scores[:, gone] = -np.inf
        likened = np.isfinite(scores[kept])
        scores[kept, likened] = scores[likened, kept] = likeness(groups, kept)[likened]
    _, joined = np.unique(becomes, return_inverse=True)
    return joined[labels]


def _of_different_groups(groups: Groups, likeness: Likeness) -> Array:
    scores = likeness(groups, slice(None))
    np.fill_diagonal(scores, -np.inf)
    return scores
