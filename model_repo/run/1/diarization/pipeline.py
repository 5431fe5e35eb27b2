"""Diarization: a recording in, turns out; `classic` and `full` are the two ways there."""

from collections.abc import Iterable
from contextlib import nullcontext

import numpy as np

from .arrays import Samples
from .channels import SEPARATE, joined, selections
from .classic import diarize_classic
from .clustering import cluster
from .config import Options
from .fbank import FRAME_LENGTH, fbank
from .full import diarize_full
from .ports import Models, Stopwatch
from .recording import Recording
from .request import RequestOptions
from .turns import Diarization

PIPELINES = {"classic": diarize_classic, "full": diarize_full}


def diarize_recording(
    recording: Recording,
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
) -> Diarization:
    """Find out who spoke when, in the channels asked for; further parameters as of `diarize`.

    Channels that are listened to apart are gone through one after another, so that no more is held
    than for one.
    """
    found = [
        diarize(recording.blocks(selection), models, options, asked, stopwatch)
        for selection in selections(asked.channels, recording.n_channels)
    ]
    return joined(found) if asked.channels == SEPARATE else found[0]


def diarize(
    audio: Iterable[Samples],
    models: Models,
    options: Options,
    asked: RequestOptions,
    stopwatch: Stopwatch = lambda _stage: nullcontext(),
) -> Diarization:
    """Find out who spoke when in one signal.

    Audio is taken block by block; of the whole recording only windows, their embeddings and, in
    the full mode, the segmentation's posteriors are kept.

    Parameters
    ----------
    audio
        The recording in stretches of any length, 16 kHz mono.
    models
        The neural networks.
    asked
        Mode, allowed number of speakers, and whether more than one may talk at a time.
    stopwatch
        Entered with the name of each stage of this process, so that the caller can time them.
    """
    return PIPELINES[asked.mode](audio, models, options, asked, stopwatch)


def warm_up(options: Options) -> None:
    """Use every stage of this process once, so that the first request is as fast as the next."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4 * options.cluster.few_windows, 8)).astype(np.float32)
    fbank(np.zeros(FRAME_LENGTH, np.float32), options.window.analysis)
    cluster(noise, options.speakers, options.cluster)
