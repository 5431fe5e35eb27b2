"""The floor: what the nets alone cost in ONNX Runtime, in this process, on all cores.

One session has all cores; the service distributes its batches over threads instead, which can be a
little faster than this floor. Only some of a long recording's batches are run; the rest would take
as long.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from measure.benchmarking.audio import SAMPLE_RATE_HZ, InputError
from server.launcher import available_cores

BUDGET_S = 3.0  # after which no further batch of a net is run
FULL = "full"
CHUNK_S, N_MELS = 10, 80
FRAME_SAMPLES, FRAME_SHIFT_SAMPLES = 400, 160
LOG_ERRORS_ONLY = 3
# The options of the service that decide what its nets are given, with their defaults.
OPTIONS: Mapping[str, float] = {
    "frames.window_s": 1.0, "window.length_s": 1.5, "calls.windows": 64, "calls.chunks": 16,
}  # fmt: skip

RunBatch = Callable[[int], object]  # runs this many items through a net


@dataclass(frozen=True)
class Floor:
    """Seconds that ONNX Runtime alone needs for the same numbers of windows and chunks."""

    n_windows: int
    n_chunks: int
    speaker_s: float
    segmentation_s: float

    @property
    def total_s(self) -> float:
        """Both nets, one after the other."""
        return self.speaker_s + self.segmentation_s


def options_with(assignments: Sequence[str]) -> dict[str, float]:
    """`OPTIONS` with those of `section.name=value` that are among them."""
    given = dict(each.split("=", 1) for each in assignments)
    try:
        return {key: float(given.get(key, default)) for key, default in OPTIONS.items()}
    except ValueError as error:
        raise InputError(f"--option {', '.join(OPTIONS)}: {error}") from error


class NetsAlone:
    """The two ONNX nets of a model repository, loaded here; `options` are as in `OPTIONS`."""

    def __init__(self, repository: Path, options: Mapping[str, float]) -> None:
        self._options = options
        self._speaker = net_session(repository / "speaker_model" / "1" / "model.onnx")
        self._segmentation = net_session(repository / "segmentation" / "1" / "model.onnx")

    def floor(self, mode: str, n_windows: int, n_chunks: int) -> Floor:
        """Measure for a recording with these numbers of windows and chunks."""
        options = self._options
        n_frames = frame_count(options["frames.window_s" if mode == FULL else "window.length_s"])
        run_windows = _runner(self._speaker, (n_frames, N_MELS))
        run_chunks = _runner(self._segmentation, (1, CHUNK_S * SAMPLE_RATE_HZ))
        speaker_s = estimated_s(run_windows, n_windows, int(options["calls.windows"]))
        segmentation_s = estimated_s(run_chunks, n_chunks, int(options["calls.chunks"]))
        return Floor(n_windows, n_chunks, speaker_s, segmentation_s)


def frame_count(window_s: float) -> int:
    """Whole frames of features in a window."""
    return 1 + (round(window_s * SAMPLE_RATE_HZ) - FRAME_SAMPLES) // FRAME_SHIFT_SAMPLES


def estimated_s(
    run: RunBatch,
    n_items: int,
    batch_size: int,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds for `n_items` in batches; after `budget_s` the rest is estimated as equally fast."""
    if not n_items:
        return 0.0
    run(min(n_items, batch_size))  # the first batch of a shape takes longer
    n_done, started_s = 0, clock()
    while n_done < n_items:
        batch = min(batch_size, n_items - n_done)
        run(batch)
        n_done += batch
        elapsed_s = clock() - started_s
        if elapsed_s >= budget_s:
            break
    return elapsed_s * n_items / n_done


def net_session(path: Path) -> onnxruntime.InferenceSession:
    """An ONNX file in ONNX Runtime, on all cores."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.intra_op_num_threads = available_cores()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _runner(session: onnxruntime.InferenceSession, shape: tuple[int, ...]) -> RunBatch:
    """Run batches of noise, each item of `shape`."""
    name = session.get_inputs()[0].name
    noise = 0.1 * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

    def run(n_items: int) -> object:
        items = np.broadcast_to(noise, (n_items, *shape))
        return session.run(None, {name: np.ascontiguousarray(items)})

    return run
