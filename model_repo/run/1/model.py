"""Triton model `run`: requests -> `diarization.pipeline` -> responses."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from diarization.bls import MODELS_OF_MODE, ServerModels, speaker_network, triton_error
from diarization.drain_lock import hold_drain_lock
from diarization.errors import InvalidInputError
from diarization.measurements import Measurements
from diarization.metrics import ServerMetrics
from diarization.options import Options, parse_options
from diarization.pipeline import diarize_recording, warm_up
from diarization.recording import Recording, encoded_recording, waveform_recording
from diarization.request import RequestOptions, parse_request
from diarization.turns import Diarization, format_rttm, turn_rows

# Of numpy's and scipy's pools. Every instance has its own, and their waiting threads take
# the cores from the nets: with two threads, clustering 50 windows takes fifty times as long.
N_THREADS = 1
PING = {"ping": True}  # the parameters of a request that only asks whether an instance answers


class TritonPythonModel:
    """One instance; it answers one recording at a time, every request on its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the options from `config.pbtxt`; a wrong one keeps the model from loading."""
        threadpool_limits(N_THREADS)
        parameters = json.loads(args["model_config"])["parameters"]
        self.options = parse_options(
            {key: value["string_value"] for key, value in parameters.items()}
        )
        self.speaker_network = speaker_network(Path(args["model_repository"]).parent)
        warm_up(self.options)
        self.metrics = ServerMetrics()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests; an error affects only its own request."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:  # noqa: ANN401 - the server's types exist only inside it
        try:
            parameters = json.loads(request.parameters() or "{}")
            if parameters == PING:
                return pb_utils.InferenceResponse([])
            with hold_drain_lock():
                return pb_utils.InferenceResponse(self._answer(request, parameters))
        except Exception as error:
            self.metrics.count_failure(error)
            return pb_utils.InferenceResponse([], triton_error(error))

    def _answer(self, request: Any, parameters: dict[str, Any]) -> list[Any]:  # noqa: ANN401
        measurements = Measurements()
        asked = parse_request(parameters, self.options)
        recording = requested_recording(request, self.options).through(measurements.decoding)
        models = ServerModels(self.options.calls, measurements, request.is_cancelled)
        found = diarize_recording(recording, models, self.options, asked, measurements.stage)
        info = {
            **request_info(found, asked, measurements),
            "n_chunks": models.n_chunks,
            "n_channels": recording.n_channels,
            "speaker_network": self.speaker_network,
            "precision": os.environ.get("DIARIZATION_PRECISION"),
        }
        arrays = output_arrays(found, asked.recording_id, info)
        outputs = [pb_utils.Tensor(name, arrays[name]) for name in request.requested_output_names()]
        self.metrics.count_answer(asked.mode, found, measurements)
        return outputs


def requested_recording(request: Any, options: Options) -> Recording:  # noqa: ANN401
    """The recording, from whichever of the two inputs was sent."""
    sent = {name: pb_utils.get_input_tensor_by_name(request, name) for name in ("input", "AUDIO")}
    given = [name for name, tensor in sent.items() if tensor is not None]
    if len(given) != 1:
        raise InvalidInputError(
            f"inputs: got {' and '.join(given) or 'none'}, expected exactly one of input, AUDIO"
        )
    values = sent[given[0]].as_numpy()
    if given == ["input"]:
        return waveform_recording(values, options.sad.block_s, options.limits)
    if values.size != 1:
        raise InvalidInputError(
            f"AUDIO: got shape {list(values.shape)}, expected [1]: the bytes of one file"
        )
    return encoded_recording(values.item(), options.sad.block_s, options.limits)


def request_info(
    found: Diarization, asked: RequestOptions, measurements: Measurements
) -> dict[str, object]:
    """How the answer was found and what it cost."""
    return {
        "models": MODELS_OF_MODE[asked.mode],
        "mode": asked.mode,
        "exclusive": asked.exclusive,
        "channels": asked.channels,
        "n_speakers": found.n_speakers,
        "n_windows": found.n_windows,
        "unlike_share": found.unlike_share,
        "more_speakers_likely": found.more_speakers_likely,
        "audio_s": round(measurements.audio_s, 3),
        "stage_s": {stage: round(seconds, 4) for stage, seconds in measurements.stage_s.items()},
    }


def output_arrays(
    found: Diarization, recording_id: str, info: Mapping[str, object]
) -> dict[str, NDArray[Any]]:
    """All outputs by name, of the types and shapes in `config.pbtxt`; texts are bytes in UTF-8."""
    texts = {"RTTM": format_rttm(found.turns, recording_id), "INFO": json.dumps(info)}
    return {
        **{name: np.array([text.encode()], np.object_) for name, text in texts.items()},
        "LABELS": turn_rows(found.turns)[None],
        "CONFIDENCE": np.array([turn.confidence for turn in found.turns], np.float32),
        "EMBEDDINGS": found.embeddings,
    }
