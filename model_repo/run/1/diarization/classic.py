"""The classic chain: SAD, windows, embeddings, clustering; one speaker at a time."""

from collections.abc import Iterable, Iterator

import numpy as np

from .arrays import Features, Samples, Windows
from .batches import WindowPlan, window_batches
from .clustering import cluster
from .config import Options, SpeakerBounds
from .ports import Models, Stopwatch
from .sad import speech_blocks
from .turns import Turn, turns_of
from .windows import subsegment


def diarize_classic(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    speakers: SpeakerBounds,
    stopwatch: Stopwatch,
) -> tuple[list[Turn], int]:
    """Turns and the number of windows; parameters as `pipeline.diarize`."""
    windows: list[Windows] = [np.empty((0, 2), np.int64)]
    plan = WindowPlan(options.window.length_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        for block in speech_blocks(audio, models.speech_probs, options.sad):
            cut = subsegment(block.segments, options.window)
            for batch in window_batches(block.samples, cut, plan, stopwatch):
                windows.append(batch.windows + block.offset)
                yield batch.features

    embeddings = list(models.embed(features())) or [np.empty((0, 1), np.float32)]
    with stopwatch("cluster"):
        labels = cluster(np.concatenate(embeddings), speakers, options.cluster)
    return turns_of(np.concatenate(windows), labels), len(labels)
