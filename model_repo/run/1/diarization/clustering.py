"""Embeddings -> labels: which windows belong to one speaker."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from .arrays import Embeddings, Evidence, Labels, Shares
from .joining import (
    USUAL_COSINE,
    greatest_likeness,
    join,
    mean_cosine,
    minus_ward_loss,
    voice_likeness,
)
from .options import MAX_SPEAKERS_CEILING, ClusterOptions, SpeakerBounds
from .spectral import affinity_graph, smallest_eigenpairs, spectral_labels

PAIR = 2  # if two voices are requested where one was found, it is cut ...
PAIR_ALIKE = 0.8  # ... if the halves are less alike than this; halves of one voice: 0.88 and more
LEAST_PART = 3  # windows; a cut that leaves fewer on one side separates odd windows, not voices
LEAST_GROUP = 5  # windows, in recordings of more than one stretch
SOLO_SHARE = 0.8  # of a window, from which it counts as one speaker's; mixed windows are unlike all
LEAST_WINDOWS = 2  # a single odd window may be a cough
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
    labels = join(unit, voices(unit, options), minus_ward_loss, -np.inf, fewest=most)
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

    In the graph of a whole recording speakers are harder to find the longer it is, since more and
    more windows of others are as near by chance. In a stretch of a minute or two they are not, and
    groups of one voice are matched across the stretches by their means.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one, in order of time.
    """
    n_stretches = stretches_of(len(unit), options)
    if n_stretches == 1:
        labels = spectral_labels(unit, options)
        labels = join(unit, labels, mean_cosine, 1 - options.join_distance)
        return split_mixed(unit, labels, options)
    parts: list[Labels] = []
    for part in np.array_split(unit, min(n_stretches, PARTS_AT_ONCE)):
        first = parts[-1].max() + 1 if parts else 0
        parts.append(voices(part, options) + first)
    labels = join(unit, np.concatenate(parts), voice_likeness, options.same_voice)
    labels = without_small(unit, labels)
    return join(unit, labels, minus_ward_loss, -np.inf, fewest=MAX_SPEAKERS_CEILING)


def stretches_of(n_windows: int, options: ClusterOptions) -> int:
    """Number of stretches into which this many windows are split."""
    return max(1, round(n_windows / options.stretch_windows))


def split_mixed(unit: Embeddings, labels: Labels, options: ClusterOptions) -> Labels:
    """Split groups in two, repeatedly, as long as the halves are different voices.

    Two speakers who talk briefly in a stretch often form one group, whose halves are unlike. A
    group is split where the second eigenvector of its own graph has the widest gap.
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
    """Move windows of small groups to the most similar large groups.

    A few odd windows may be a cough or overlapping speech, and long recordings have more of them.
    """
    is_large = np.bincount(labels) >= LEAST_GROUP
    if is_large.all() or not is_large.any():
        return labels
    large = np.flatnonzero(is_large)
    nearest = large[np.argmax(unit @ centroids_of(unit, labels)[large].T, axis=1)]
    _, renumbered = np.unique(np.where(is_large[labels], labels, nearest), return_inverse=True)
    return renumbered


def cut_once_more(unit: Embeddings, n_voices: int, options: ClusterOptions) -> Labels | None:
    """Group windows by voice where more speakers are known than were found.

    One more cut of the graph tends to split a voice, which is worse than one voice less. If one
    voice was found of two, it must hold the second, so a weaker difference is enough to cut it.

    Parameters
    ----------
    unit
        shape=(n, dim), rows of length one, in order of time.

    Returns
    -------
    Labels or None
        Of exactly `n_voices`; None if these are not different voices, or if there are more windows
        than fit one graph.
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
    """Choose windows that become a speaker each, where speakers are known to be missing.

    Parameters
    ----------
    unit
        shape=(n_windows, dim), rows of length one.
    labels
        shape=(n_windows,), groups; each keeps at least one window.
    alike
        shape=(n_windows,), cosine of each window to the speaker found that it is most like.
    n
        Number of windows; fewer than the groups can spare.

    Returns
    -------
    list of int
        Rows of the windows least like any speaker found and each other, the oddest first.
    """
    sizes = np.bincount(labels)
    taken: list[int] = []
    for _ in range(n):
        oddness = np.where(sizes[labels] > 1, alike, np.inf)
        oddness[taken] = np.inf
        odd = int(np.argmin(oddness))
        taken.append(odd)
        sizes[labels[odd]] -= 1
        # Two windows of a voice are less alike than a window and the voice's mean, by this root.
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
    """Average-linkage clustering by cosine distance, within `bounds`.

    Parameters
    ----------
    unit
        shape=(n >= 2, dim), rows of length one.
    max_distance
        Clusters are joined while their average distance is less.
    """
    distances = np.clip(1.0 - unit @ unit.T, 0.0, 2.0).astype(np.float64)
    tree = linkage(squareform(distances, checks=False), "average")
    n_found = 1 + np.count_nonzero(tree[:, 2] >= max_distance)
    labels: Labels = cut_tree(tree, bounds.clip(n_found, len(unit)))[:, 0]
    return labels


def unlike_share(unit: Embeddings, known: Embeddings, solo: Shares, least: float) -> float:
    """Share of the windows with a single voice that are unlike every speaker found.

    Parameters
    ----------
    unit, known, solo
        As in `full.speakers.missed_speakers`.
    least
        Cosine below which a window is unlike a speaker.

    Returns
    -------
    float
        0 to 1, to four digits; a single window does not count.
    """
    single = unit[solo >= SOLO_SHARE]
    n_unlike = np.count_nonzero((single @ known.T).max(axis=1, initial=-1) < least)
    return round(n_unlike / len(single), 4) if n_unlike >= LEAST_WINDOWS else 0.0
