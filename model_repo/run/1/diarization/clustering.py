"""Embeddings -> labels: which windows belong to one speaker."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from .arrays import Embeddings, Evidence, Labels, Shares
from .joining import USUAL_COSINE, greatest_likeness, join, little_lost, mean_cosine, voice_likeness
from .options import MAX_SPEAKERS_CEILING, ClusterOptions, SpeakerBounds
from .spectral import affinity_graph, smallest_eigenpairs, spectral_labels

PAIR = 2  # voices, which share so many windows that they are cut ...
PAIR_ALIKE = 0.8  # ... while they are less alike than this; halves of one voice are from 0.88 on
LEAST_PART = 3  # windows; a cut that leaves fewer on one side parts odd windows, not voices
LEAST_GROUP = 5  # windows, in recordings of more than one stretch
SOLO_SHARE = 0.8  # of a window, from which it counts as one speaker's; a mixed one is like nobody
LEAST_WINDOWS = 2  # one odd window can be a cough
PARTS_AT_ONCE = 32  # whose groups are joined together: time and memory grow with their square


def cluster(embeddings: Embeddings, bounds: SpeakerBounds, options: ClusterOptions) -> Labels:
    """Group windows by speaker.

    Parameters
    ----------
    embeddings
        shape=(n, dim), in order of time; n may be 0.
    bounds
        Allowed number of speakers; never more than there are windows.

    Returns
    -------
    Labels
        shape=(n,), numbers from 0 with none left out.
    """
    n_windows = len(embeddings)
    most = bounds.clip(bounds.maximum, n_windows)
    if most <= 1:
        return np.zeros(n_windows, np.int64)
    unit = unit_length(embeddings)
    if n_windows < options.few_windows:
        return agglomerative_labels(unit, bounds, options.join_distance)
    labels = join(unit, voices(unit, options), little_lost, -np.inf, fewest=most)
    n_found, fewest = int(labels.max()) + 1, bounds.clip(1, n_windows)
    if n_found >= fewest:
        return labels
    if (cut := cut_once_more(unit, fewest, options)) is not None:
        return cut
    alike = (unit @ centroids_of(unit, labels).T).max(axis=1)
    labels[odd_windows(unit, labels, alike, fewest - n_found)] = np.arange(n_found, fewest)
    return labels


def voices(unit: Embeddings, options: ClusterOptions) -> Labels:
    """Group windows by voice, stretch by stretch, and join the groups of one voice.

    A graph of a whole recording finds a speaker the worse the longer the recording is, since it
    holds ever more windows of others that are as near by chance. In a stretch of a minute or two
    nobody is drowned, and what is alike is found again across the stretches by its mean.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one, in order of time.
    """
    n_stretches = stretches_of(len(unit), options)
    if n_stretches == 1:
        labels = spectral_labels(unit, options)
        labels = join(unit, labels, mean_cosine, 1 - options.join_distance)
        return parted(unit, labels, options)
    parts: list[Labels] = []
    for part in np.array_split(unit, min(n_stretches, PARTS_AT_ONCE)):
        first = parts[-1].max() + 1 if parts else 0
        parts.append(voices(part, options) + first)
    labels = join(unit, np.concatenate(parts), voice_likeness, options.same_voice)
    labels = without_small(unit, labels)
    return join(unit, labels, little_lost, -np.inf, fewest=MAX_SPEAKERS_CEILING)


def stretches_of(n_windows: int, options: ClusterOptions) -> int:
    """Number of stretches that so many windows are clustered in."""
    return max(1, round(n_windows / options.stretch_windows))


def parted(unit: Embeddings, labels: Labels, options: ClusterOptions) -> Labels:
    """Cut groups in two, again and again, while that parts two voices.

    Two who both talk briefly in a stretch are easily one group; they are unlike once they are cut.
    A group is cut where the second eigenvector of its own graph has the widest gap.
    """
    whole = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    found: list[NDArray[np.int64]] = []
    while whole:
        members = whole.pop()
        if len(members) >= 2 * LEAST_PART:
            graph = affinity_graph(unit[members], options.neighbours)
            _, vectors = smallest_eigenpairs(graph, 2)
            order = np.argsort(vectors[:, 1], kind="stable")
            gaps = np.diff(vectors[order, 1])[LEAST_PART - 1 : len(order) - LEAST_PART]
            side = np.zeros(len(members), np.int64)
            side[order[LEAST_PART + np.argmax(gaps) :]] = 1
            likeness = greatest_likeness(unit[members], side, voice_likeness)
            if likeness < options.other_voice:
                whole += [members[side == 0], members[side == 1]]
                continue
        found.append(members)
    cut = np.empty_like(labels)
    for label, members in enumerate(found):
        cut[members] = label
    return cut


def without_small(unit: Embeddings, labels: Labels) -> Labels:
    """Give windows of small groups to the large ones they are most like.

    A few odd windows can be a cough or two who talk at once, and the longer a recording is, the
    more of them it has.
    """
    is_large = np.bincount(labels) >= LEAST_GROUP
    if is_large.all() or not is_large.any():
        return labels
    large = np.flatnonzero(is_large)
    nearest = large[np.argmax(unit @ centroids_of(unit, labels)[large].T, axis=1)]
    _, renumbered = np.unique(np.where(is_large[labels], labels, nearest), return_inverse=True)
    return renumbered


def cut_once_more(unit: Embeddings, n_voices: int, options: ClusterOptions) -> Labels | None:
    """Group windows by voice where more are known to talk than were found.

    A graph that is cut once more tends to cut a voice in two, which is worse than one voice less.
    Where one voice was found and two talk, the second is in it, and they are cut more readily.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one, in order of time.

    Returns
    -------
    Labels or None
        Of exactly `n_voices`; None if they would not be different voices, or for more windows than
        one graph has.
    """
    if len(unit) < options.few_windows:
        exactly = SpeakerBounds(n_voices, n_voices)
        return agglomerative_labels(unit, exactly, options.join_distance)
    if stretches_of(len(unit), options) > 1:
        return None
    cut = spectral_labels(unit, options, n_voices)
    alike = PAIR_ALIKE if n_voices == PAIR else options.same_voice
    return cut if greatest_likeness(unit, cut, voice_likeness) < alike else None


def odd_windows(unit: Embeddings, labels: Labels, alike: Shares, n: int) -> list[int]:
    """Windows to make a speaker of each, where speakers are known to be missing.

    Parameters
    ----------
    unit
        shape=(n_windows, dim), rows of length one.
    labels
        shape=(n_windows,), groups; none gives its last window.
    alike
        shape=(n_windows,), cosine of each window to the speaker found that it is most like.
    n
        Fewer than windows that can be given.

    Returns
    -------
    list of int
        Rows of those least like any speaker found and like each other, the oddest first.
    """
    sizes = np.bincount(labels)
    taken: list[int] = []
    for _ in range(n):
        oddness = np.where(sizes[labels] > 1, alike, np.inf)
        oddness[taken] = np.inf
        odd = int(np.argmin(oddness))
        taken.append(odd)
        sizes[labels[odd]] -= 1
        # A window is less like another of its voice than like the voice's mean, by this root.
        alike = np.maximum(alike, unit @ unit[odd] / np.sqrt(USUAL_COSINE))
    return taken


def unit_length(embeddings: Embeddings) -> Embeddings:
    """Rows scaled to length one; a row of zeros stays as it is."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, np.finfo(np.float32).tiny)


def centroids_of(unit: Embeddings, labels: Labels) -> Embeddings:
    """Mean direction of every cluster 0 ... k-1, shape=(k, dim), rows of length one."""
    return unit_length(np.stack([unit[labels == k].sum(axis=0) for k in range(labels.max() + 1)]))


def closeness(unit: Embeddings, centroids: Embeddings, sharpness: float) -> Evidence:
    """Softmax over the speakers of the cosine similarity of each window to their centroids.

    Parameters
    ----------
    unit, centroids
        shape=(n_windows, dim) and (n_speakers, dim), rows of length one.
    """
    scores = sharpness * (unit @ centroids.T)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Evidence = odds / odds.sum(axis=1, keepdims=True)
    return shares


def agglomerative_labels(unit: Embeddings, bounds: SpeakerBounds, max_distance: float) -> Labels:
    """Average-linkage clustering by cosine distance, as far as `bounds` allow.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one.
    max_distance
        Clusters are joined up to this average distance.
    """
    distances = np.clip(1.0 - unit @ unit.T, 0.0, 2.0).astype(np.float64)
    average_linkage = partial(AgglomerativeClustering, metric="precomputed", linkage="average")
    found = average_linkage(n_clusters=None, distance_threshold=max_distance).fit(distances)
    n_speakers = bounds.clip(found.n_clusters_, len(unit))
    if n_speakers != found.n_clusters_:
        found = average_linkage(n_clusters=n_speakers).fit(distances)
    return found.labels_.astype(np.int64)


def unlike_share(unit: Embeddings, known: Embeddings, solo: Shares, least: float) -> float:
    """Share of the windows of one voice each that are like none of the speakers found.

    Parameters
    ----------
    unit, known, solo
        As in `full.speakers.missed_speakers`.
    least
        Cosine to a speaker from which a window is like the speaker's.

    Returns
    -------
    float
        0 to 1, to four digits; a single window does not count.
    """
    heard = unit[solo >= SOLO_SHARE]
    n_unlike = np.count_nonzero((heard @ known.T).max(axis=1, initial=-1) < least)
    return round(n_unlike / len(heard), 4) if n_unlike >= LEAST_WINDOWS else 0.0
