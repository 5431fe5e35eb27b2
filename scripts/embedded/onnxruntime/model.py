"""Stand-in for Triton's C++ `onnxruntime` backend, for servers that have only the Python backend.

A Python-based backend: Triton runs this file for every model whose `config.pbtxt` says `backend:
"onnxruntime"`, so one configuration and one `1/model.onnx` serve here and in NVIDIA's image. Like
the C++ backend it fills in the inputs and outputs that the configuration leaves out, and reads the
parameter `intra_op_thread_count`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

DEFAULT_MODEL_FILENAME = "model.onnx"
TRITON_TYPES = {
    "tensor(float)": "TYPE_FP32",
    "tensor(float16)": "TYPE_FP16",
    "tensor(double)": "TYPE_FP64",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(bool)": "TYPE_BOOL",
}

Arrays = dict[str, NDArray[Any]]


def create_session(config: dict[str, Any], providers: list[Any]) -> ort.InferenceSession:
    """Load the model's ONNX file.

    Parameters
    ----------
    config
        The model's configuration as Triton gives it.
    providers
        ONNX Runtime execution providers, in order of preference.

    Raises
    ------
    pb_utils.TritonModelException
        If there is no such file, or ONNX Runtime refuses it; the model then does not load.
    """
    path = Path(pb_utils.get_model_dir()) / (
        config.get("default_model_filename") or DEFAULT_MODEL_FILENAME
    )
    if not path.is_file():
        raise pb_utils.TritonModelException(
            f"model '{config['name']}': {path.name} is not in its version folder; "
            "run scripts/prepare_models.py"
        )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = thread_count(config)
    try:
        return ort.InferenceSession(path, options, providers=providers)
    except Exception as error:
        raise pb_utils.TritonModelException(
            f"model '{config['name']}': {path.name} does not load: {error}"
        ) from error


def thread_count(config: dict[str, Any]) -> int:
    """Threads of one session: `intra_op_thread_count`, by default the cores we may use."""
    parameter = config.get("parameters", {}).get("intra_op_thread_count", {})
    return int(parameter.get("string_value", 0)) or len(os.sched_getaffinity(0))


def device_providers(args: dict[str, str]) -> list[Any]:
    """Execution providers for the instance's kind and device."""
    if (
        args["model_instance_kind"] == "GPU"
        and "CUDAExecutionProvider" in ort.get_available_providers()
    ):
        cuda = ("CUDAExecutionProvider", {"device_id": int(args["model_instance_device_id"])})
        return [cuda, "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def missing_tensors(
    session_tensors: list[Any], configured: list[dict[str, Any]], batched: bool
) -> list[dict[str, Any]]:
    """Triton descriptions of the model's tensors that the configuration does not name."""
    known = {tensor["name"] for tensor in configured}
    return [
        {
            "name": tensor.name,
            "data_type": TRITON_TYPES[tensor.type],
            "dims": [
                size if isinstance(size, int) else -1 for size in tensor.shape[int(batched) :]
            ],
        }
        for tensor in session_tensors
        if tensor.name not in known
    ]


def split_rows(outputs: Arrays, counts: list[int]) -> list[Arrays]:
    """Cut merged outputs back into one set per request, `counts` rows each."""
    edges = np.cumsum(counts)[:-1]
    pieces = {name: np.split(values, edges) for name, values in outputs.items()}
    return [{name: cut[i] for name, cut in pieces.items()} for i in range(len(counts))]


class TritonPythonModel:
    """One instance of one ONNX model."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:  # noqa: ANN401 - pb_utils.ModelConfig exists only in the server
        """Add the inputs and outputs that `config.pbtxt` leaves to the ONNX file."""
        config = auto_complete_model_config.as_dict()
        if config["input"] and config["output"]:
            return auto_complete_model_config
        session = create_session(config, ["CPUExecutionProvider"])
        batched = config["max_batch_size"] > 0
        for tensor in missing_tensors(session.get_inputs(), config["input"], batched):
            auto_complete_model_config.add_input(tensor)
        for tensor in missing_tensors(session.get_outputs(), config["output"], batched):
            auto_complete_model_config.add_output(tensor)
        return auto_complete_model_config

    def initialize(self, args: dict[str, str]) -> None:
        """Load the session on the instance's device."""
        self.config = json.loads(args["model_config"])
        self.session = create_session(self.config, device_providers(args))
        self.input_names = [tensor.name for tensor in self.session.get_inputs()]
        self.output_names = [tensor.name for tensor in self.session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run the merged batch; if that fails, every request alone: a bad one fails by itself."""
        if self.config["max_batch_size"] > 0 and len(requests) > 1:
            try:
                return [respond(outputs) for outputs in self._run_merged(requests)]
            except Exception as error:
                pb_utils.Logger.log_warn(
                    f"{self.config['name']}: merged batch failed, running one by one: {error}"
                )
        return [self._answer(request) for request in requests]

    def _feed(self, request: Any) -> Arrays:  # noqa: ANN401
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self.input_names
        }

    def _run(self, feed: Arrays) -> Arrays:
        return dict(zip(self.output_names, self.session.run(self.output_names, feed), strict=True))

    def _run_merged(self, requests: list[Any]) -> list[Arrays]:
        feeds = [self._feed(request) for request in requests]
        merged = {name: np.concatenate([feed[name] for feed in feeds]) for name in self.input_names}
        return split_rows(self._run(merged), [len(feed[self.input_names[0]]) for feed in feeds])

    def _answer(self, request: Any) -> Any:  # noqa: ANN401
        try:
            return respond(self._run(self._feed(request)))
        except Exception as error:
            text = f"model '{self.config['name']}' failed: {error}"
            return pb_utils.InferenceResponse(
                [], pb_utils.TritonError(text, pb_utils.TritonError.INVALID_ARG)
            )


def respond(outputs: Arrays) -> Any:  # noqa: ANN401 - pb_utils.InferenceResponse exists only in the server
    """Response with all outputs of the model."""
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, values) for name, values in outputs.items()]
    )
