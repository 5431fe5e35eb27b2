"""Speech and segmentation of audio that is still arriving."""

from typing import Any

import numpy as np

from ..arrays import SadState, Samples, SpeechProbs, samples_of
from ..full.segmentation import (
    CHUNK_SAMPLES,
    KEPT_AS,
    Chunk,
    Segmentation,
    Tail,
    segmentation_of,
)
from ..sad import FRAME_SAMPLES, Level, leveled
from .calls import SegmentCall, SpeechCall, Step
from .records import Journal, recorded_audio

CONTEXT_S = 0.5  # audio that a chunk should hold after a frame before the frame is decided
FIRST_CHUNK_S = 0.5  # less audio is not segmented


class SpeechHearing:
    """Silero on a recording, at the level at which the pipeline would give it the same audio.

    Parameters
    ----------
    level_s
        See `sad.leveled_stretches`. The first stretch has its own level, which is known only at its
        end: until then it is heard at the level so far, and then once more.

    Attributes
    ----------
    end
        Samples heard, whole frames.
    """

    def __init__(self, level_s: float) -> None:
        self.end = 0
        self._stretch = samples_of(level_s) // FRAME_SAMPLES * FRAME_SAMPLES
        self._level = Level()
        self._loud = 0.0
        self._state: SadState = None
        self._opening: SpeechProbs = np.empty(0, np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the level, which takes megabytes; see `recall`."""
        return {**vars(self), "_level": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with an empty level."""
        vars(self).update(state, _level=Level())

    def recall(self, samples: Samples) -> None:
        """Count the level of what was heard before, given all audio so far in order."""
        self._level.add(samples[: max(0, self.end - self._level.n_samples)])

    @property
    def is_opening(self) -> bool:
        """Whether the first stretch has not ended."""
        return self.end < self._stretch

    def probs(self, journal: Journal, first: int, last: int) -> SpeechProbs:
        """Probabilities of the frames [first, last); a last one that has not ended is guessed."""
        known = self._opening[first:last]
        if not self.is_opening:
            known = journal.probs.read(first, min(last, len(journal.probs)))
        return np.pad(known, (0, last - first - len(known)), mode="edge")

    def listen(self, tail: Tail, journal: Journal, rate_hz: int) -> Step[None]:
        """Hear the whole frames that have arrived."""
        yield from self._hear_again(journal, rate_hz)
        while self.end < (end := self._next_end(tail)):
            self._level.add(tail.read(self._level.n_samples, end))
            if self.is_opening:
                self._loud = self._level.loudness()
            samples = leveled(tail.read(self.end, end), self._loud)
            probs, self._state = yield SpeechCall(samples, self._state)
            if self.is_opening:
                self._opening = np.concatenate([self._opening, probs])
            else:
                journal.probs.append(probs)
            self.end = end
            if end % self._stretch == 0:
                self._loud = self._level.loudness()
            yield from self._hear_again(journal, rate_hz)

    def finish(self, tail: Tail, journal: Journal) -> Step[None]:
        """Hear the rest, less than a frame; once, however often the end is tried."""
        if len(journal.probs) * FRAME_SAMPLES < tail.end and not self.is_opening:
            rest = leveled(tail.read(self.end, tail.end), self._loud)
            probs, self._state = yield SpeechCall(rest, self._state)
            journal.probs.append(probs)

    def _next_end(self, tail: Tail) -> int:
        whole = tail.end // FRAME_SAMPLES * FRAME_SAMPLES
        return min(whole, (self.end // self._stretch + 1) * self._stretch)

    def _hear_again(self, journal: Journal, rate_hz: int) -> Step[None]:
        """Hear the first stretch at its own level, once it has ended."""
        if self.is_opening or len(journal.probs):
            return
        opening = np.concatenate(list(recorded_audio(journal.audio, rate_hz)))[: self._stretch]
        probs, self._state = yield SpeechCall(leveled(opening, self._loud), None)
        journal.probs.append(probs)
        self._opening = probs[:0]


class Chunks:
    """The chunks of the last seconds: those of the grid and, if need be, one that ends now.

    Parameters
    ----------
    hop
        Distance of two chunks of the grid in samples.

    Attributes
    ----------
    n_grid
        Chunks of the grid so far.
    """

    def __init__(self, hop: int) -> None:
        self.n_grid = 0
        self._hop = hop
        self._recent: list[Chunk] = []
        self._now: list[Chunk] = []

    def segment(self, tail: Tail, journal: Journal, until: int) -> Step[None]:
        """Segment the chunks that are due, to decide the frames before sample `until`."""
        n_due = max(0, (tail.end - CHUNK_SAMPLES) // self._hop + 1 - self.n_grid)
        starts = [(self.n_grid + number) * self._hop for number in range(n_due)]
        self._now = []
        newest = starts[-1] + CHUNK_SAMPLES if starts else self.end(tail)
        needed = min(until + samples_of(CONTEXT_S), tail.end)
        if newest < needed and tail.end >= samples_of(FIRST_CHUNK_S):
            starts.append(max(0, tail.end - CHUNK_SAMPLES))
        if not starts:
            return
        posteriors = yield SegmentCall(tail.cut(np.array(starts, np.int64)))
        kept = posteriors.astype(KEPT_AS)
        found = [Chunk(*each) for each in zip(starts, kept, strict=True)]
        journal.posteriors.append(kept[:n_due])
        self.n_grid += n_due
        self._recent += found[:n_due]
        self._now = found[n_due:]

    def first_needed(self) -> int:
        """First sample of the next chunk of the grid."""
        return self.n_grid * self._hop

    def segmentation(self, start: int, end: int) -> Segmentation | None:
        """Posteriors of samples [start, end); None if there are none. Older chunks are dropped."""
        self._recent = [each for each in self._recent if each.start + CHUNK_SAMPLES > start]
        chunks = [*self._recent, *self._now]
        if not chunks:
            return None
        starts = np.array([chunk.start for chunk in chunks], np.int64) - start
        posteriors = np.stack([chunk.posteriors for chunk in chunks]).astype(np.float32)
        return segmentation_of(posteriors, starts, end - start)

    def end(self, tail: Tail) -> int:
        """Where the newest chunk ends; one of a short recording is padded with zeros."""
        ends = [each.start + CHUNK_SAMPLES for each in (*self._recent, *self._now)]
        return min(max(ends, default=0), tail.end)
