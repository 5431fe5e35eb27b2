"""The classic chain: SAD, windows, embeddings, clustering; one speaker at a time."""

from collections.abc import Iterable, Iterator

import numpy as np

from .arrays import Features, Samples, Windows
from .batches import WindowPlan, window_batches
from .clustering import centroids_of, closeness, cluster, unit_length
from .config import Options
from .level import leveled_blocks
from .ports import Models, Stopwatch
from .request import RequestOptions
from .spectral import fill_empty
from .strangers import unlike_share
from .turns import NOBODY, Diarization, diarization_of, turns_of
from .windows import subsegment


def diarize_classic(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch,
) -> Diarization:
    """Who spoke when, one speaker at a time; parameters as `pipeline.diarize`."""
    windows: list[Windows] = []
    plan = WindowPlan(options.window.length_s, options.window.analysis, options.calls.windows)

    def features() -> Iterator[Features]:
        for block in leveled_blocks(audio, models.speech_probs, options.sad):
            cut = subsegment(block.segments, options.window)
            for batch in window_batches(block.samples, cut, plan, stopwatch):
                windows.append(batch.windows + block.offset)
                yield batch.features

    embeddings = list(models.embed(features()))
    if not embeddings:
        return NOBODY
    with stopwatch("cluster"):
        unit = unit_length(np.concatenate(embeddings))
        centroids = centroids_of(unit, cluster(unit, asked.speakers, options.cluster))
        shares = closeness(unit, centroids, options.cluster.sharpness)
        labels = shares.argmax(axis=1)
        if len(np.unique(labels)) < asked.speakers.minimum:
            labels = fill_empty(labels, len(centroids))
    sureness = shares[np.arange(len(labels)), labels].astype(np.float64)
    turns = turns_of(np.concatenate(windows), labels, sureness)
    unlike = unlike_share(unit, centroids, np.ones(len(unit)), options.cluster.stranger_similarity)
    return diarization_of(turns, centroids, len(labels), unlike)
