"""The result of a session: that of the full mode on the finished recording.

The pipeline of the full mode runs once more over the recorded audio, but the networks answered for
nearly all of it while it was live. What is left is the chunk that ends with the audio, the windows
at the borders of blocks, and those that were not taken for speech.
"""

import numpy as np
from numpy.typing import NDArray

from ..arrays import (
    Embeddings,
    Posteriors,
    SadState,
    Samples,
    SpeechProbs,
    Windows,
    samples_of,
)
from ..measurements import Stopwatch
from ..options import Options
from ..pipeline import Models, embedded_blocks, resolved
from ..sad import FRAME_SAMPLES
from ..turns import NO_SPEECH, Diarization
from .records import Journal, recorded_audio
from .session import Session


class RememberedModels:
    """`pipeline.Models` that knows speech from a journal as far as possible; for one recording.

    The pipeline asks for speech in order, so counting says what it asks for.
    """

    def __init__(self, models: Models, journal: Journal) -> None:
        self._models = models
        self._journal = journal
        self._n_frames = 0
        self.segment = models.segment
        self.fbank = models.fbank
        self.embed = models.embed

    def speech_probs(self, samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        """Speech probability per frame."""
        first = self._n_frames
        self._n_frames += -(-len(samples) // FRAME_SAMPLES)
        if self._n_frames <= len(self._journal.probs):
            return self._journal.probs.read(first, self._n_frames), state
        return self._models.speech_probs(samples, state)


def result_of(
    session: Session, models: Models, options: Options, stopwatch: Stopwatch
) -> Diarization:
    """Diarize the finished recording of a session."""
    journal, windows_known = session.journal, session.known_windows()
    length, hop = samples_of(options.frames.window_s), samples_of(options.frames.chunk_hop_s)

    def row_of(window: NDArray[np.int64]) -> int | None:
        begin, end = window.tolist()
        return windows_known.get(begin) if end - begin == length else None

    def chunk(start: int) -> Posteriors | None:
        number, off_grid = divmod(start, hop)
        if off_grid or number >= len(journal.posteriors):
            return None
        return journal.posteriors.read(number, number + 1)[0]

    def wanted(windows: Windows) -> NDArray[np.bool_]:
        return np.array([row_of(window) is None for window in windows], bool)

    audio = recorded_audio(journal.audio, session.live.rate_hz)
    blocks, fresh = embedded_blocks(
        audio, RememberedModels(models, journal), options, stopwatch, wanted, chunk
    )
    windows = [window + block.offset for block in blocks for window in block.windows]
    if not windows:
        return NO_SPEECH
    rows = [row_of(window) for window in windows]
    embedded = iter(np.concatenate(fresh)) if fresh else iter(())
    remembered = journal.embeddings.read(0, len(journal.embeddings))
    embeddings: Embeddings = np.stack(
        [next(embedded) if row is None else remembered[row] for row in rows]
    )
    return resolved(blocks, embeddings, options, session.live.asked, stopwatch)
