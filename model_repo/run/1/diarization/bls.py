"""The pipeline's neural networks as models of the same server.

They are called by Triton's business logic scripting (BLS).
"""

import json
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from .arrays import Chunks, Embeddings, Features, Posteriors, SadState, Samples, SpeechProbs
from .errors import (
    CancelledError,
    DiarizationError,
    InvalidRequestError,
    ModelCallError,
    SessionsFullError,
    StoppingError,
    UnknownSessionError,
)
from .fbank import fbank
from .measurements import Measurements
from .options import CallOptions

SAD_MODEL = "sad"
SEGMENTATION_MODEL = "segmentation"
SPEAKER_MODEL = "speaker_model"
FBANK_MODEL = "fbank"  # of servers with a GPU
MODELS_OF_MODE = {
    "classic": {"sad": SAD_MODEL, "speaker": SPEAKER_MODEL},
    "full": {"sad": SAD_MODEL, "segmentation": SEGMENTATION_MODEL, "speaker": SPEAKER_MODEL},
}

Array = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]


class ServerModels:
    """`pipeline.Models` on top of BLS.

    Parameters
    ----------
    options
        How many calls to one model may be in progress.
    measurements
        Seconds waited for each model are added here.
    is_cancelled
        Asked before every call; once it says yes, `CancelledError` is raised.

    Attributes
    ----------
    n_chunks
        Chunks given to the model `segmentation`.
    """

    def __init__(
        self, options: CallOptions, measurements: Measurements, is_cancelled: Callable[[], bool]
    ) -> None:
        self._options = options
        self._measurements = measurements
        self._is_cancelled = is_cancelled
        self.n_chunks = 0

    def speech_probs(self, samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        """Probabilities of speech from the model `sad`, and its state."""
        probs, next_state = self.speech_probs_of(samples[None, :], state)
        return probs[0], next_state

    def speech_probs_of(self, samples: Samples, states: SadState) -> tuple[SpeechProbs, Array]:
        """Probabilities of several streams from the model `sad`, and their states."""
        self._stop_if_cancelled()
        inputs = {"samples": samples}
        if states is not None:
            inputs["state"] = states
        with self._measurements.stage("sad"):
            outputs = self._call(SAD_MODEL, inputs, ["speech_probs", "next_state"])
        return outputs["speech_probs"], outputs["next_state"]

    def segment(self, batches: Iterable[Chunks]) -> Iterator[Posteriors]:
        """Probabilities from the model `segmentation`."""
        return self._ahead("segment", self._segment_one, self._counted(batches))

    def fbank(self, samples: Samples, window_type: str) -> Features:
        """Features from the model `fbank`; from this process where the server has none."""
        if not pb_utils.is_model_ready(FBANK_MODEL):
            return fbank(samples, window_type)
        self._stop_if_cancelled()
        name = np.array([window_type.encode()], np.object_)
        inputs = {"samples": samples, "window_type": name}
        return self._call(FBANK_MODEL, inputs, ["features"])["features"]

    def embed(self, batches: Iterable[Features]) -> Iterator[Embeddings]:
        """Embeddings from the model `speaker_model`."""
        return self._ahead("embed", self._embed_one, batches)

    def _counted(self, batches: Iterable[Chunks]) -> Iterator[Chunks]:
        for batch in batches:
            self.n_chunks += len(batch)
            yield batch

    def _segment_one(self, chunks: Chunks) -> Posteriors:
        return np.exp(self._call(SEGMENTATION_MODEL, {"wav": chunks}, ["logp"])["logp"])

    def _embed_one(self, features: Features) -> Embeddings:
        return self._call(SPEAKER_MODEL, {"feats": features}, ["embs"])["embs"]

    def _ahead(
        self, stage: str, answer: Callable[[Array], Array], batches: Iterable[Array]
    ) -> Iterator[Array]:
        """Answers in order; the next batch is prepared while others are in progress."""
        under_way: deque[Future[Array]] = deque()
        with ThreadPoolExecutor(self._options.in_flight) as threads:
            for batch in batches:
                self._stop_if_cancelled()
                under_way.append(threads.submit(answer, batch))
                if len(under_way) == self._options.in_flight:
                    yield self._oldest(stage, under_way)
            while under_way:
                yield self._oldest(stage, under_way)

    def _oldest(self, stage: str, under_way: deque[Future[Array]]) -> Array:
        with self._measurements.stage(stage):
            return under_way.popleft().result()

    def _call(self, model: str, inputs: Arrays, outputs: list[str]) -> Arrays:
        """Call a model; the reason of a failure goes to the server's log, not to the client."""
        request = pb_utils.InferenceRequest(
            model_name=model,
            inputs=[
                pb_utils.Tensor(name, np.ascontiguousarray(values))
                for name, values in inputs.items()
            ],
            requested_output_names=outputs,
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
        )
        response = request.exec()
        if response.has_error():
            pb_utils.Logger.log_error(
                f"call to model '{model}' failed: {response.error().message()}"
            )
            raise ModelCallError(f"model '{model}' failed; the server's log says why")
        return {
            name: pb_utils.get_output_tensor_by_name(response, name).as_numpy() for name in outputs
        }

    def _stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise CancelledError("the request was cancelled")


def speaker_network(repository: Path) -> str | None:
    """Name of the network served as `speaker_model`; only embeddings of one network are comparable.

    It is in the note that `prepare_models.py` leaves beside the network; None without one.
    """
    notes = sorted(repository.glob(f"{SPEAKER_MODEL}/*/model.onnx.json"))
    return str(json.loads(notes[-1].read_text())["name"]) if notes else None


def triton_error(error: Exception) -> Any:  # noqa: ANN401 - the server's types exist only inside it
    """Triton's error for one request; the unexpected goes to the log and gets a short text."""
    codes = {
        InvalidRequestError: pb_utils.TritonError.INVALID_ARG,
        UnknownSessionError: pb_utils.TritonError.NOT_FOUND,
        SessionsFullError: pb_utils.TritonError.UNAVAILABLE,
        ModelCallError: pb_utils.TritonError.UNAVAILABLE,
        StoppingError: pb_utils.TritonError.UNAVAILABLE,
        CancelledError: pb_utils.TritonError.CANCELLED,
    }
    if isinstance(error, DiarizationError):
        code = next(code for kind, code in codes.items() if isinstance(error, kind))
        return pb_utils.TritonError(str(error), code)
    pb_utils.Logger.log_error("".join(traceback.format_exception(error)))
    return pb_utils.TritonError(
        "internal error; the server's log says more", pb_utils.TritonError.INTERNAL
    )
