"""Frames x speakers -> turns, overlapping ones included."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import SAMPLE_RATE_HZ, Evidence, Segments
from ..sad import join_close, runs
from ..turns import Turn
from .segmentation import FRAME_SHIFT, frame_centres, frames_of

Activity = NDArray[np.bool_]
"""shape=(n_frames, n_speakers), True where the speaker talks."""


class Stretch(NamedTuple):
    """One speaker active; begin and end in samples of the recording."""

    begin: int
    end: int
    speaker: int
    confidence: float


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
    evidence: Evidence, expected_count: NDArray[np.float32], speech: NDArray[np.bool_]
) -> Activity:
    """Give every speech frame its likeliest speakers, as many as are expected there.

    Parameters
    ----------
    evidence
        shape=(n_frames, n_speakers).
    expected_count
        shape=(n_frames,), expected number of speakers; rounded, at least one in speech.
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


def without_blips(active: Activity, evidence: Evidence, n_least: int) -> Activity:
    """Give every too short stretch of a speaker to the others.

    A stretch during which another speaker talks throughout is removed; else it goes to the
    likeliest speaker right before or after it. A stretch without neighbours stays, and so does
    one at either end of the frames: it may continue in the next block.

    Parameters
    ----------
    active
        shape=(n_frames, n_speakers).
    evidence
        shape=(n_frames, n_speakers), evidence for each speaker.
    n_least
        Frames that a stretch must have.
    """
    kept = active.copy()
    for speaker in range(active.shape[1]):
        for begin, end in runs(kept[:, speaker]).tolist():
            if end - begin < n_least and begin > 0 and end < len(kept):
                _hand_over(kept, evidence, speaker, slice(begin, end))
    return kept


def _hand_over(active: Activity, evidence: Evidence, speaker: int, frames: slice) -> None:
    beside = active[frames.start - 1] | active[frames.stop]
    accompanied = active[frames].sum(axis=1) > active[frames, speaker]
    if not accompanied.all():
        if not beside.any():
            return
        likeliest = np.where(beside, evidence[frames].mean(axis=0), -np.inf).argmax()
        active[frames, likeliest] = True
    active[frames, speaker] = False


def pauses_filled(active: Activity, n_shorter: int) -> Activity:
    """Every speaker active also in own pauses shorter than `n_shorter` frames."""
    filled = [within(join_close(runs(column), n_shorter), len(active)) for column in active.T]
    return np.stack(filled, axis=1)


def one_at_a_time(active: Activity, evidence: Evidence) -> Activity:
    """Only the likeliest of the speakers active in each frame; shapes=(n_frames, n_speakers)."""
    likeliest = np.where(active, evidence, -np.inf).argmax(axis=1)
    return active & (np.arange(active.shape[1]) == likeliest[:, None])


def activity_stretches(
    active: Activity, evidence: Evidence, offset: int, n_samples: int
) -> list[Stretch]:
    """Stretches of activity of all speakers in a block, sorted.

    Parameters
    ----------
    active
        shape=(n_frames, n_speakers).
    evidence
        shape=(n_frames, n_speakers), 0 to 1; a stretch's confidence is the mean.
    offset, n_samples
        Where the block begins in the recording, and how long it is.
    """
    edges = np.append(frame_centres(len(active)) - FRAME_SHIFT // 2, n_samples)
    edges[0] = 0
    return sorted(
        Stretch(
            int(edges[first]) + offset,
            int(edges[last]) + offset,
            speaker,
            float(evidence[first:last, speaker].mean()),
        )
        for speaker in range(active.shape[1])
        for first, last in runs(active[:, speaker]).tolist()
    )


def cut_out(stretches: list[Stretch], begin: int, end: int) -> list[Stretch]:
    """What is left of the stretches outside [begin, end)."""
    parts = [
        part
        for stretch in stretches
        for part in (
            stretch._replace(end=min(stretch.end, begin)),
            stretch._replace(begin=max(stretch.begin, end)),
        )
    ]
    return [part for part in parts if part.begin < part.end]


def joined_turns(stretches: list[Stretch]) -> list[Turn]:
    """Turns from stretches of all blocks; a speaker's stretches that touch become one turn.

    Returns
    -------
    list of Turn
        In order of begin; turns of different speakers may overlap.
    """
    joined: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda stretch: (stretch.speaker, stretch)):
        before = joined[-1] if joined else None
        if before and before.speaker == stretch.speaker and stretch.begin <= before.end:
            joined[-1] = _as_one(before, stretch)
        else:
            joined.append(stretch)
    return [
        Turn(begin / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, speaker, confidence)
        for begin, end, speaker, confidence in sorted(joined)
    ]


def _as_one(first: Stretch, second: Stretch) -> Stretch:
    lengths = first.end - first.begin, second.end - second.begin
    confidence = np.average([first.confidence, second.confidence], weights=lengths)
    return first._replace(end=max(first.end, second.end), confidence=float(confidence))
