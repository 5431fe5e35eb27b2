"""Labelled windows -> turns: who speaks from when to when, in seconds, and as RTTM.

RTTM is NIST's format: one line per turn, ten fields. Source: NIST, "The 2009 (RT-09) Rich
Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Embeddings, Labels, Shares, Windows

DOUBTFUL_SHARE = 0.02  # with all speakers found it was at most half of this


@dataclass(frozen=True)
class Turn:
    """One speaker talking.

    Attributes
    ----------
    start_s, end_s
        Seconds from the start of the recording, start_s < end_s.
    label
        Number of the speaker.
    confidence
        That it is this speaker, of those found in the recording; 0 to 1.
    channel
        Number, from 1, of its channel; 1 unless channels are separate.
    name
        Name of the speaker if it is not SPEAKER_ and the label.
    """

    start_s: float
    end_s: float
    label: int
    confidence: float = 1.0
    channel: int = 1
    name: str | None = None

    @property
    def speaker(self) -> str:
        """Name of the speaker: SPEAKER_00, SPEAKER_01, ... by label unless it has another."""
        return self.name or f"SPEAKER_{self.label:02d}"


@dataclass(frozen=True)
class Diarization:
    """Who spoke when, and how it was found.

    Attributes
    ----------
    turns
        In order of begin; labels 0, 1, ... by first appearance.
    embeddings
        shape=(n_speakers, dim), the mean direction of every speaker's windows, rows of length one.
    n_windows
        Number of windows that were embedded.
    unlike_share
        Share of them, 0 to 1, that are unlike every speaker; of windows with a single voice, where
        the mode knows these.
    """

    turns: list[Turn]
    embeddings: Embeddings = field(compare=False)
    n_windows: int
    unlike_share: float = 0.0

    @property
    def n_speakers(self) -> int:
        """Number of speakers who have a turn."""
        return len(self.embeddings)

    @property
    def more_speakers_likely(self) -> bool:
        """Whether speakers may have been missed."""
        return self.unlike_share >= DOUBTFUL_SHARE


NO_SPEECH = Diarization([], np.empty((0, 0), np.float32), 0)


def diarization_of(
    turns: list[Turn], centroids: Embeddings, n_windows: int, unlike_share: float
) -> Diarization:
    """Number the speakers anew by first appearance.

    Parameters
    ----------
    turns
        In order of begin; labels are rows of `centroids`.
    centroids
        shape=(k, dim), those of speakers without a turn are left out.
    """
    order = list(dict.fromkeys(turn.label for turn in turns))
    number = {label: position for position, label in enumerate(order)}
    renumbered = [replace(turn, label=number[turn.label]) for turn in turns]
    return Diarization(renumbered, centroids[order], n_windows, unlike_share)


def turns_of(windows: Windows, labels: Labels, confidences: Shares) -> list[Turn]:
    """Join labelled windows to turns.

    Where two windows overlap, each keeps its half of the overlap; neighbours with one label that
    touch become one turn.

    Parameters
    ----------
    windows
        shape=(n, 2), sorted by begin and by end.
    labels
        shape=(n,), cluster of each window; any numbers.
    confidences
        shape=(n,), of the label of each window; a turn's confidence is the mean.

    Returns
    -------
    list of Turn
        In order of time; no two overlap. Every label has at least one turn.
    """
    if len(windows) == 0:
        return []
    begins, ends = share_overlaps(windows)
    starts_turn = np.concatenate([[True], (labels[1:] != labels[:-1]) | (begins[1:] > ends[:-1])])
    ends_turn = np.append(starts_turn[1:], True)
    firsts = np.flatnonzero(starts_turn)
    confidence = np.add.reduceat(confidences, firsts) / np.diff(np.append(firsts, len(labels)))
    columns = (
        begins[starts_turn] / SAMPLE_RATE_HZ,
        ends[ends_turn] / SAMPLE_RATE_HZ,
        labels[starts_turn],
        confidence,
    )
    return [Turn(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]


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


def format_rttm(turns: Iterable[Turn], recording_id: str) -> str:
    """RTTM text of a recording, times in milliseconds.

    Parameters
    ----------
    turns
        In the order in which they are to be written.
    recording_id
        File id of every line; without white space.

    Returns
    -------
    str
        One line per turn, each ending in a newline; empty for no turns.
    """
    lines = []
    for turn in turns:
        start_ms, end_ms = round(turn.start_s * 1000), round(turn.end_s * 1000)
        times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        lines.append(
            f"SPEAKER {recording_id} {turn.channel} {times} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        )
    return "".join(lines)
