"""The floor: what the nets alone cost in ONNX Runtime, in this process, on all cores.

One session has all cores, as ONNX Runtime uses them by itself; the service cuts its batches up
among threads instead, which can be a little faster than this floor. Nothing that decodes, computes
features, clusters or moves data is in it, nor is silero, which is no ONNX net here. Only a part of
a long recording's batches is run; the rest would take as long.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime

from diarization.arrays import samples_of
from diarization.config import Options
from diarization.fbank import N_MELS, n_frames_of
from diarization.segmentation import CHUNK_SAMPLES, chunk_starts
from measure.benchmarking.runs import Floor
from server.cores import available_cores

BUDGET_S = 3.0  # of one net, for one recording
FULL = "full"
QUIET = 3  # ONNX Runtime's log level: errors only

RunBatch = Callable[[int], object]  # runs so many items through a net


class NetsAlone:
    """The two ONNX nets of the service, loaded here.

    Parameters
    ----------
    repository : Path
        The model repository.
    options : Options
        Lengths of windows, distance of chunks, sizes of batches.
    budget_s : float
        Seconds after which no further batch of a net is run.
    """

    def __init__(self, repository: Path, options: Options, budget_s: float = BUDGET_S) -> None:
        self._options = options
        self._budget_s = budget_s
        self._speaker = _session(repository / "speaker_model" / "1" / "model.onnx")
        self._segmentation = _session(repository / "segmentation" / "1" / "model.onnx")

    def floor(self, mode: str, n_windows: int, audio_s: float) -> Floor:
        """Measure for a recording of so many windows and seconds."""
        options, calls = self._options, self._options.calls
        is_full = mode == FULL
        window_s = options.frames.window_s if is_full else options.window.length_s
        feats = (n_frames_of(samples_of(window_s)), N_MELS)
        n_chunks = chunk_count(audio_s, options) if is_full else 0
        speaker_s = estimated_s(
            _runner(self._speaker, feats), n_windows, calls.windows, self._budget_s
        )
        segmentation_s = estimated_s(
            _runner(self._segmentation, (1, CHUNK_SAMPLES)), n_chunks, calls.chunks, self._budget_s
        )
        return Floor(n_windows, n_chunks, speaker_s, segmentation_s)


def chunk_count(audio_s: float, options: Options) -> int:
    """Chunks of a recording."""
    n_samples, hop = samples_of(audio_s), samples_of(options.frames.chunk_hop_s)
    return len(chunk_starts(n_samples, hop)) if n_samples else 0


def batch_lengths(n_items: int, at_once: int) -> Iterator[int]:
    """Cut `n_items` into batches of `at_once`; the last one takes what is left."""
    for first in range(0, n_items, at_once):
        yield min(at_once, n_items - first)


def estimated_s(
    run: RunBatch,
    n_items: int,
    at_once: int,
    budget_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds for `n_items` in batches; after `budget_s` the rest is reckoned to be as fast."""
    if not n_items:
        return 0.0
    run(min(n_items, at_once))  # the first batch of a shape takes longer
    n_done, started_s = 0, clock()
    for length in batch_lengths(n_items, at_once):
        run(length)
        n_done += length
        elapsed_s = clock() - started_s
        if elapsed_s >= budget_s:
            break
    return elapsed_s * n_items / n_done


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = available_cores()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _runner(session: onnxruntime.InferenceSession, shape: tuple[int, ...]) -> RunBatch:
    """Run batches of noise, each item of `shape`."""
    name = session.get_inputs()[0].name
    rng = np.random.default_rng(0)

    def run(n_items: int) -> object:
        items = np.broadcast_to(noise, (n_items, *shape))
        return session.run(None, {name: np.ascontiguousarray(items)})

    noise = 0.1 * rng.standard_normal(shape, dtype=np.float32)
    return run
