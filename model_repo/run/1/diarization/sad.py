"""Speech-activity detection (SAD, also called VAD): audio -> blocks with segments of speech.

Hysteresis with two thresholds as in silero's own post-processing: speech starts where the
probability reaches `onset` and lasts until it falls below `offset`.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import SadState, Samples, Segments, SpeechProbs, samples_of
from .options import SadOptions

FRAME_SAMPLES = 512  # silero's frame at 16 kHz: 32 ms
QUIET_S = 0.5  # a block is cut where this much audio around the cut is least like speech
LOUD_QUANTILE = 0.999  # of the magnitudes: speech counts even if rare, a click does not
DROPPED_BITS = 12  # of the 32 bits of a float, in the histogram of magnitudes
COUNTS_AT_ONCE = 512  # of that histogram
LOUD_LEVEL = 0.3
MOST_GAIN = 100.0  # 40 dB: fainter sound is noise

SpeechDetector = Callable[[Samples, SadState], tuple[SpeechProbs, SadState]]
T = TypeVar("T")


class LeveledStretch(NamedTuple):
    """Consecutive audio as it is, and as silero gets it; whole frames unless it is the last."""

    samples: Samples
    scaled: Samples


@dataclass(frozen=True)
class SpeechBlock:
    """A stretch of the recording with the speech found in it.

    Attributes
    ----------
    offset
        Where the block starts in the recording, samples.
    samples
        The block's audio.
    probs
        Probability of speech of each of the block's frames of 512 samples.
    segments
        Speech, in samples from the start of the block.
    is_last
        Whether the recording ends with the block.
    """

    offset: int
    samples: Samples
    probs: SpeechProbs
    segments: Segments
    is_last: bool = True

    @property
    def end(self) -> int:
        """Where the block ends in the recording, samples."""
        return self.offset + len(self.samples)


def speech_blocks(
    stretches: Iterable[LeveledStretch], detect: SpeechDetector, options: SadOptions
) -> Iterator[SpeechBlock]:
    """Find speech, and cut the recording into blocks where it is quiet.

    Segments never cross a block's edge, so blocks can be worked on one by one. Every sample is
    detected once. The detector's state goes from stretch to stretch, so where blocks end does not
    change the probabilities.

    Parameters
    ----------
    stretches
        The recording, see `leveled_stretches`.
    detect
        (samples, state) -> (probabilities, next state); `state` is None at the start. All calls
        but the last get a whole number of frames; the detector zero-pads the last frame.
    options
        `block_s` is the longest a block may be, `cut_search_s` how far back from there it may end.
    """
    pending, probs, offset, state = np.empty(0, np.float32), np.empty(0, np.float32), 0, None
    n_frames = samples_of(options.block_s) // FRAME_SAMPLES
    for samples, scaled in stretches:
        fresh, state = detect(scaled, state)
        pending, probs = np.concatenate([pending, samples]), np.concatenate([probs, fresh])
        while len(pending) > n_frames * FRAME_SAMPLES:
            n_search = samples_of(options.cut_search_s) // FRAME_SAMPLES
            frame = quietest_frame(probs[:n_frames], n_search)
            cut = frame * FRAME_SAMPLES
            yield _block(offset, pending[:cut], probs[:frame], options, is_last=False)
            pending, probs, offset = pending[cut:], probs[frame:], offset + cut
    if len(pending):
        yield _block(offset, pending, probs, options, is_last=True)


def _block(
    offset: int, samples: Samples, probs: SpeechProbs, options: SadOptions, *, is_last: bool
) -> SpeechBlock:
    segments = speech_segments(probs, len(samples), options)
    return SpeechBlock(offset, samples, probs, segments, is_last)


def whole_frames(audio: Iterable[Samples], n_frames: int) -> Iterator[Samples]:
    """The same audio in stretches of `n_frames` SAD frames; only the last one may be shorter."""
    size = n_frames * FRAME_SAMPLES
    held, n_held = [], 0
    for samples in audio:
        held.append(samples)
        n_held += len(samples)
        while n_held >= size:
            joined = np.concatenate(held)
            yield joined[:size]
            held, n_held = [joined[size:]], n_held - size
    if n_held:
        yield np.concatenate(held)


def quietest_frame(probs: SpeechProbs, n_search: int) -> int:
    """Frame among the last `n_search` around which speech is least probable; never 0."""
    n_quiet = min(samples_of(QUIET_S) // FRAME_SAMPLES, len(probs))
    nearness = np.bartlett(n_quiet + 2)[1:-1]  # the middle weighs most, so a pause is cut there
    weight = np.convolve(np.ones(len(probs)), nearness, mode="same")  # less at both ends
    mean = np.convolve(probs, nearness, mode="same") / weight
    first = max(1, len(probs) - n_search)
    return first + int(np.argmin(mean[first:])) if first < len(probs) else len(probs)


def speech_segments(probs: SpeechProbs, n_samples: int, options: SadOptions) -> Segments:
    """Segments of speech from frame probabilities: hysteresis, fill gaps, drop blips, pad.

    Parameters
    ----------
    probs
        One probability per frame of 512 samples.
    n_samples
        Length of the audio; no segment goes beyond it.

    Returns
    -------
    Segments
        Sorted, disjoint, inside [0, n_samples).
    """
    segments = runs(hysteresis(probs, options.onset, options.offset)) * FRAME_SAMPLES
    segments = np.minimum(segments, n_samples)
    segments = join_close(segments, samples_of(options.fill_s))
    segments = segments[np.diff(segments, axis=1)[:, 0] >= samples_of(options.drop_s)]
    pad = samples_of(options.pad_s)
    padded = np.clip(segments + np.array([-pad, pad]), 0, n_samples)
    return join_close(padded, 1)


def hysteresis(probs: SpeechProbs, onset: float, offset: float) -> NDArray[np.bool_]:
    """True from every frame that reaches `onset` until the next one below `offset`."""
    decided = (probs >= onset) | (probs < offset)
    last_decided = np.maximum.accumulate(np.where(decided, np.arange(len(probs)), -1))
    return (last_decided >= 0) & (probs >= onset)[last_decided]


def runs(active: NDArray[np.bool_]) -> Segments:
    """Begin and end of every run of True, shape=(n, 2)."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return edges.reshape(-1, 2).astype(np.int64)


def join_close(segments: Segments, min_gap: int) -> Segments:
    """Sorted segments with every gap shorter than `min_gap` samples filled."""
    if len(segments) == 0:
        return segments
    apart = segments[1:, 0] - segments[:-1, 1] >= min_gap
    begins = segments[np.concatenate([[True], apart]), 0]
    ends = segments[np.concatenate([apart, [True]]), 1]
    return np.stack([begins, ends], axis=1)


def leveled_stretches(audio: Iterable[Samples], level_s: float) -> Iterator[LeveledStretch]:
    """Stretches of `level_s` seconds, scaled to the level of what was heard so far.

    Silero hears less speech in faint recordings, and none in very faint ones. The first stretch is
    scaled by its own level, every further one by that of all before it: a quiet opening is not
    amplified like speech, the audio is read once, and what follows does not change what was heard.
    """
    level = Level()
    for samples in whole_frames(audio, samples_of(level_s) // FRAME_SAMPLES):
        if level.n_samples == 0:
            level.add(samples)
            yield LeveledStretch(samples, leveled(samples, level.loudness()))
        else:
            yield LeveledStretch(samples, leveled(samples, level.loudness()))
            level.add(samples)


class Level:
    """How loud the audio is that was added so far.

    Attributes
    ----------
    n_samples
        Its length.
    """

    def __init__(self) -> None:
        self.n_samples = 0
        self._counts = np.zeros(1 << (31 - DROPPED_BITS), np.int64)

    def add(self, samples: Samples) -> None:
        """Count the magnitudes of these samples."""
        # The bits of positive floats are in the order of their values.
        bins = np.abs(samples).view(np.uint32) >> DROPPED_BITS
        np.add.at(self._counts, bins.astype(np.int64), 1)
        self.n_samples += len(samples)

    def loudness(self) -> float:
        """Magnitude that all but the loudest thousandth stay below, within 0.03 %."""
        least = LOUD_QUANTILE * self.n_samples
        rows = self._counts.reshape(-1, COUNTS_AT_ONCE)  # to add up only one of them bin by bin
        until = np.cumsum(rows.sum(axis=1))
        row = int(np.searchsorted(until, least))
        before = until[row - 1] if row else 0
        loud_bin = row * COUNTS_AT_ONCE + np.searchsorted(before + np.cumsum(rows[row]), least)
        middle = np.uint32((loud_bin << DROPPED_BITS) + (1 << (DROPPED_BITS - 1)))
        return float(middle.view(np.float32))


def leveled(samples: Samples, loud: float) -> Samples:
    """Scale audio so that magnitude `loud` becomes 0.3; at most a hundredfold."""
    scaled: Samples = samples * np.float32(LOUD_LEVEL / max(loud, LOUD_LEVEL / MOST_GAIN))
    return scaled


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in order, each made in another thread while the one before is in use.

    An error while an item is made is raised in the place of the item.
    """
    end: Any = object()
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        # Popped before its result is taken, so that an error's traceback keeps no future alive.
        coming = [thread.submit(next, iterator, end)]
        while (item := coming.pop().result()) is not end:
            coming.append(thread.submit(next, iterator, end))
            yield item
