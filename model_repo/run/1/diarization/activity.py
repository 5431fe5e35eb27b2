"""Frames x speakers -> turns, overlapping ones included."""

import numpy as np
from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Segments
from .sad import join_close, runs
from .segmentation import frame_centres, frames_of
from .turns import Turn, by_first_appearance

Activity = NDArray[np.bool_]
"""shape=(n_frames, n_speakers), True where the speaker talks."""

Stretch = tuple[int, int, int]
"""Begin and end in samples of the recording, speaker."""


def speech_frames(
    probs: NDArray[np.float32], threshold: float, fill_s: float, drop_s: float
) -> NDArray[np.bool_]:
    """Speech or not per frame: threshold, then fill short gaps, then drop short blips."""
    stretches = join_close(runs(probs >= threshold), frames_of(fill_s))
    stretches = stretches[np.diff(stretches, axis=1)[:, 0] >= frames_of(drop_s)]
    return within(stretches, len(probs))


def within(stretches: Segments, n_frames: int) -> NDArray[np.bool_]:
    """True for the frames inside any of the stretches, shape=(n_frames,)."""
    steps = np.zeros(n_frames + 1, np.int64)
    np.add.at(steps, stretches[:, 0], 1)
    np.add.at(steps, stretches[:, 1], -1)
    return np.cumsum(steps[:-1]) > 0


def decide(
    evidence: NDArray[np.float32], expected_count: NDArray[np.float32], speech: NDArray[np.bool_]
) -> Activity:
    """Give every speech frame its likeliest speakers, as many as are expected to talk there.

    Parameters
    ----------
    evidence
        shape=(n_frames, n_speakers).
    expected_count
        shape=(n_frames,), expected number of people who talk; rounded, at least one in speech.
    speech
        shape=(n_frames,).
    """
    n_frames, n_speakers = evidence.shape
    count = np.clip(np.floor(expected_count + 0.5).astype(np.int64), 1, n_speakers)
    count[~speech] = 0
    ranks = np.empty((n_frames, n_speakers), np.int64)
    order = np.argsort(-evidence, axis=1, kind="stable")
    np.put_along_axis(ranks, order, np.arange(n_speakers)[None, :], axis=1)
    active: Activity = ranks < count[:, None]
    return active


def activity_stretches(
    active: Activity, offset: int, n_samples: int, fill_s: float
) -> list[Stretch]:
    """Begin, end (samples of the recording) and speaker of every stretch of activity in a block.

    Parameters
    ----------
    active
        shape=(n_frames, n_speakers).
    offset, n_samples
        Where the block begins in the recording, and how long it is.
    fill_s
        Shorter pauses of a speaker are filled.
    """
    edges = np.append(frame_centres(len(active)), n_samples)
    edges[0] = 0
    found = []
    for speaker in range(active.shape[1]):
        stretches = edges[join_close(runs(active[:, speaker]), frames_of(fill_s))] + offset
        found += [(begin, end, speaker) for begin, end in stretches.tolist()]
    return sorted(found)


def joined_turns(stretches: list[Stretch]) -> list[Turn]:
    """Turns from stretches of all blocks; a speaker's stretches that touch become one turn.

    Returns
    -------
    list of Turn
        In order of begin; turns of different speakers may overlap.
    """
    rows = np.array(stretches, np.int64).reshape(-1, 3)
    joined = [
        (begin, end, speaker)
        for speaker in np.unique(rows[:, 2])
        for begin, end in join_close(rows[rows[:, 2] == speaker, :2], 1).tolist()
    ]
    rows = np.array(sorted(joined), np.int64).reshape(-1, 3)
    labels = by_first_appearance(rows[:, 2])
    seconds = rows[:, :2] / SAMPLE_RATE_HZ
    return [
        Turn(float(begin), float(end), int(label))
        for (begin, end), label in zip(seconds, labels, strict=True)
    ]
