"""Speech-activity detection (SAD, also called VAD): audio -> blocks with segments of speech.

Hysteresis with two thresholds as in silero's own post-processing: speech starts where the
probability reaches `onset` and lasts until it falls below `offset`.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import SadState, Samples, Segments, SpeechProbs, samples_of
from .options import SadOptions

FRAME_SAMPLES = 512  # silero's frame at 16 kHz: 32 ms
QUIET_S = 0.5  # a block is cut where this much audio around the cut is least like speech
LOUD_QUANTILE = 0.999  # of the magnitudes: speech counts even if rare, a click does not
DROPPED_BITS = 12  # of the 32 bits of a float, in the histogram of magnitudes
LOUD_LEVEL = 0.3
MOST_GAIN = 100.0  # 40 dB: fainter sound is noise

SpeechDetector = Callable[[Samples, SadState], tuple[SpeechProbs, SadState]]
T = TypeVar("T")


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
    audio: Iterable[Samples], detect: SpeechDetector, options: SadOptions
) -> Iterator[SpeechBlock]:
    """Find speech, and cut the recording into blocks where it is quiet.

    Segments never cross a block's edge, so blocks can be processed one by one. Every sample is
    detected once: the detector's state goes from stretch to stretch, so where blocks end does not
    change the probabilities.

    Parameters
    ----------
    audio
        The recording in stretches of any length.
    detect
        (samples, state) -> (probabilities, next state); `state` is None at the start. All calls
        but the last get a whole number of frames; the detector zero-pads the last frame.
    options
        `block_s` is how much audio makes a block, `cut_search_s` how far back from its end the cut
        may lie.
    """
    pending, probs, offset, state = np.empty(0, np.float32), np.empty(0, np.float32), 0, None
    n_frames = samples_of(options.block_s) // FRAME_SAMPLES
    for stretch in whole_frames(audio, n_frames):
        fresh, state = detect(stretch, state)
        pending, probs = np.concatenate([pending, stretch]), np.concatenate([probs, fresh])
        if len(pending) >= n_frames * FRAME_SAMPLES:
            frame = quietest_frame(probs, samples_of(options.cut_search_s) // FRAME_SAMPLES)
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


def leveled_blocks(
    audio: Callable[[], Iterable[Samples]], detect: SpeechDetector, options: SadOptions
) -> Iterator[SpeechBlock]:
    """Blocks of a recording with their speech, each prepared while the one before is in use.

    Silero hears less speech in faint recordings, and none in very faint ones. So it gets all
    recordings at one level; the blocks keep their samples as they are. A first pass over the whole
    recording measures its level: with the level of its start, or of a block, a quiet opening would
    be amplified like speech, and the result would depend on where blocks end.

    Parameters
    ----------
    audio
        Reads the recording from its start, at each call.
    detect, options
        As in `speech_blocks`.
    """
    loud = loudness(audio())

    def detect_leveled(samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        return detect(leveled(samples, loud), state)

    return one_ahead(speech_blocks(audio(), detect_leveled, options))


def loudness(audio: Iterable[Samples]) -> float:
    """Magnitude that all but the loudest thousandth of the samples stay below, within 0.03 %."""
    counts = np.zeros(1 << (31 - DROPPED_BITS), np.int64)
    for samples in audio:
        # The bits of positive floats are in the order of their values.
        bins = np.abs(samples).view(np.uint32) >> DROPPED_BITS
        counts += np.bincount(bins, minlength=len(counts))
    loud_bin = np.searchsorted(np.cumsum(counts), LOUD_QUANTILE * counts.sum())
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
