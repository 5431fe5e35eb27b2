"""Labelled windows -> turns: who speaks from when to when, in seconds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Labels, Windows


@dataclass(frozen=True)
class Turn:
    """One speaker talking.

    Attributes
    ----------
    start_s, end_s
        Seconds from the start of the recording, start_s < end_s.
    label
        Speaker, 0-based in order of first appearance.
    """

    start_s: float
    end_s: float
    label: int


def turns_of(windows: Windows, labels: Labels) -> list[Turn]:
    """Join labelled windows to turns.

    Where two windows overlap, each keeps its half of the overlap; neighbours with one label that
    touch become one turn.

    Parameters
    ----------
    windows
        shape=(n, 2), sorted by begin and by end.
    labels
        shape=(n,), cluster of each window; any numbers.

    Returns
    -------
    list of Turn
        In order of time; no two overlap. Every label has at least one turn.
    """
    if len(windows) == 0:
        return []
    begins, ends = share_overlaps(windows)
    labels = by_first_appearance(labels)
    starts_turn = np.concatenate([[True], (labels[1:] != labels[:-1]) | (begins[1:] > ends[:-1])])
    ends_turn = np.append(starts_turn[1:], True)
    bounds = zip(begins[starts_turn], ends[ends_turn], labels[starts_turn], strict=True)
    return [
        Turn(float(b / SAMPLE_RATE_HZ), float(e / SAMPLE_RATE_HZ), int(label))
        for b, e, label in bounds
    ]


def turn_rows(turns: list[Turn]) -> NDArray[np.float32]:
    """Begin in seconds, end in seconds and label of every turn, shape=(n, 3)."""
    rows = [(turn.start_s, turn.end_s, turn.label) for turn in turns]
    return np.array(rows, np.float32).reshape(-1, 3)


def share_overlaps(windows: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Begins and ends of the windows, shape=(n,) each, with every overlap cut in its middle."""
    begins, ends = windows[:, 0].astype(np.float64), windows[:, 1].astype(np.float64)
    overlap = begins[1:] < ends[:-1]
    middle = (begins[1:] + ends[:-1]) / 2
    return (
        np.append(begins[0], np.where(overlap, middle, begins[1:])),
        np.append(np.where(overlap, middle, ends[:-1]), ends[-1]),
    )


def by_first_appearance(labels: Labels) -> Labels:
    """The same partition, numbered 0, 1, 2, ... in the order in which labels first occur."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
