"""The pipeline's neural networks as models of the same server.

They are called by Triton's business logic scripting (BLS).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from .arrays import Embeddings, Samples, SpeechProbs
from .config import CallOptions
from .errors import CancelledError, ModelCallError
from .measurements import Measurements
from .pipeline import WindowBatch
from .sad import State

SAD_MODEL = "sad"
SPEAKER_MODEL = "speaker_model"

Arrays = dict[str, NDArray[np.float32]]


class ServerModels:
    """`pipeline.Models` on top of BLS.

    Parameters
    ----------
    options
        Calls in flight and their time limit.
    measurements
        Seconds waited for each model are added here.
    is_cancelled
        Asked before every call; once it says yes, `CancelledError` is raised.
    """

    def __init__(
        self, options: CallOptions, measurements: Measurements, is_cancelled: Callable[[], bool]
    ) -> None:
        self._options = options
        self._measurements = measurements
        self._is_cancelled = is_cancelled

    def speech_probs(self, samples: Samples, state: State) -> tuple[SpeechProbs, State]:
        """Probabilities of speech from the model `sad`, and its state."""
        self._stop_if_cancelled()
        inputs = {"samples": samples[None, :]}
        if state is not None:
            inputs["state"] = state
        with self._measurements.stage("sad"):
            outputs = self._call(SAD_MODEL, inputs, ["speech_probs", "next_state"])
        return outputs["speech_probs"][0], outputs["next_state"]

    def embed(self, batches: Iterable[WindowBatch]) -> Iterator[tuple[WindowBatch, Embeddings]]:
        """Embeddings from the model `speaker_model`.

        The next batch is prepared while others are under way.
        """
        under_way: deque[tuple[WindowBatch, Future[Embeddings]]] = deque()
        with ThreadPoolExecutor(self._options.in_flight) as threads:
            for batch in batches:
                self._stop_if_cancelled()
                under_way.append((batch, threads.submit(self._embed_one, batch)))
                if len(under_way) == self._options.in_flight:
                    yield self._oldest(under_way)
            while under_way:
                yield self._oldest(under_way)

    def _oldest(
        self, under_way: deque[tuple[WindowBatch, Future[Embeddings]]]
    ) -> tuple[WindowBatch, Embeddings]:
        batch, answer = under_way.popleft()
        with self._measurements.stage("embed"):
            return batch, answer.result()

    def _embed_one(self, batch: WindowBatch) -> Embeddings:
        return self._call(SPEAKER_MODEL, {"feats": batch.features}, ["embs"])["embs"]

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
            timeout=round(self._options.timeout_s * 1e6),
        )
        response = request.exec()
        if response.has_error():
            pb_utils.Logger.log_error(
                f"call to model '{model}' failed: {response.error().message()}"
            )
            raise ModelCallError(
                f"model '{model}' failed or did not answer in time; the server's log says why"
            )
        return {
            name: pb_utils.get_output_tensor_by_name(response, name).as_numpy() for name in outputs
        }

    def _stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise CancelledError("the request was cancelled")
