"""Stand-in for Triton's C++ `onnxruntime` backend, for servers that have only the Python backend.

A Python-based backend: Triton runs this file for every model whose `config.pbtxt` says `backend:
"onnxruntime"`, so the same configuration and `1/model.onnx` work here and in NVIDIA's image. Like
the C++ backend it completes the inputs and outputs of the configuration, and reads the parameter
`intra_op_thread_count`.

On a CPU the rows of a batch are split between threads, and each thread computes a few rows at a
time. The threads never wait for each other, so the nets of one server do not compete for cores, and
the few rows under way need little memory. ONNX Runtime computes them in single precision, or in 8
bit where `model.int8.onnx` is beside the model; in bfloat16, for which it has no CPU kernels,
OpenVINO does.

On a GPU, which needs the package onnxruntime-gpu, a request is one run.
"""

import hashlib
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

DEFAULT_MODEL_FILENAME = "model.onnx"
REMEDY = "run ./scripts/setup.sh or scripts/setup/prepare_models.py"
# Per thread; in single precision more are no faster and take more memory.
ROWS_AT_ONCE, ROWS_AT_ONCE_REDUCED = 4, 8
THREADS, PRECISION = "DIARIZATION_THREADS", "DIARIZATION_PRECISION"  # set by the launcher
BFLOAT16, INT8 = "bf16", "int8"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TRITON_TYPES = {
    "tensor(float)": "TYPE_FP32",
    "tensor(float16)": "TYPE_FP16",
    "tensor(double)": "TYPE_FP64",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(bool)": "TYPE_BOOL",
}

Arrays = dict[str, NDArray[Any]]


class BFloat16Session:
    """An ONNX file run by OpenVINO in bfloat16, with `run` as ONNX Runtime's sessions have it.

    A row's result does not depend on the rows beside it.

    Parameters
    ----------
    n_runs
        Number of threads that may call `run` at once.
    """

    def __init__(self, path: Path, n_runs: int) -> None:
        import openvino  # 0.5 s, and 60 MB

        model = openvino.Core().compile_model(
            path,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": BFLOAT16,
                "NUM_STREAMS": n_runs,
                "INFERENCE_NUM_THREADS": n_runs,
                "ENABLE_CPU_PINNING": False,  # the nets of one server would be pinned to one core
            },
        )
        # Two threads that use this for the first time at once wait for each other for ever.
        _ = openvino.Tensor(np.empty(1, np.float32)).data
        self._free: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(n_runs):
            self._free.put(model.create_infer_request())

    def run(self, output_names: list[str], feed: Arrays) -> list[NDArray[Any]]:
        """Compute the outputs of a batch."""
        request = self._free.get()
        try:
            found = request.infer(feed)
            return [np.array(found[name]) for name in output_names]
        finally:
            self._free.put(request)


def create_session(
    config: dict[str, Any], path: Path, providers: list[Any], n_threads: int = 1
) -> ort.InferenceSession:
    """Load an ONNX file.

    Parameters
    ----------
    config
        The model's configuration as Triton gives it.
    path
        The file.
    providers
        ONNX Runtime execution providers, in order of preference.
    n_threads
        Threads that work on one run together.

    Raises
    ------
    pb_utils.TritonModelException
        If the file is missing, or ONNX Runtime rejects it; the model then does not load.
    """
    if not path.is_file():
        raise pb_utils.TritonModelException(
            f"model '{config['name']}': {path.name} is missing; {REMEDY}"
        )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = n_threads
    options.enable_mem_pattern = False  # one more block of memory for every shape
    try:
        return ort.InferenceSession(path, options, providers=providers)
    except Exception as error:
        raise pb_utils.TritonModelException(
            f"model '{config['name']}': {path.name} is damaged or not for this runtime "
            f"({error}); {REMEDY}"
        ) from error


def model_path(config: dict[str, Any]) -> Path:
    """Path of the model's ONNX file."""
    name = config.get("default_model_filename") or DEFAULT_MODEL_FILENAME
    return Path(pb_utils.get_model_dir()) / name


def int8_path(path: Path) -> Path | None:
    """The same network in 8 bit, None if set-up made none of this very file."""
    quantized = path.with_suffix(".int8.onnx")
    try:
        stamp = json.loads(quantized.with_name(f"{quantized.name}.json").read_text())
    except OSError:
        return None
    made_from = hashlib.sha256(path.read_bytes()).hexdigest()
    return quantized if stamp["source_sha256"] == made_from else None


def thread_count(config: dict[str, Any]) -> int:
    """Threads of one model: `intra_op_thread_count`, else the launcher's number, else all cores."""
    parameter = config.get("parameters", {}).get("intra_op_thread_count", {})
    setting = int(parameter.get("string_value", 0)) or int(os.environ.get(THREADS, 0))
    if setting < 0:
        raise pb_utils.TritonModelException(
            f"model '{config['name']}': intra_op_thread_count: got {setting}, expected 0 or more"
        )
    return setting or len(os.sched_getaffinity(0))


def gpu_session(config: dict[str, Any], args: dict[str, str]) -> ort.InferenceSession | None:
    """Load the model's ONNX file on the instance's GPU.

    Returns
    -------
    ort.InferenceSession | None
        None for an instance on the CPU, and where CUDA does not work; the log then says so.
    """
    if args["model_instance_kind"] != "GPU":
        return None
    if CUDA in ort.get_available_providers():
        ort.preload_dlls()  # those of the nvidia-* wheels
        device = {"device_id": int(args["model_instance_device_id"])}
        cuda = (CUDA, {**device, "cudnn_conv_algo_search": "HEURISTIC"})  # else slow for new sizes
        session = create_session(config, model_path(config), [cuda, CPU])
        if CUDA in session.get_providers():
            return session
        got = f"{CUDA}, which does not start"
    else:
        got = "onnxruntime without CUDA (./scripts/setup.sh --gpu installs onnxruntime-gpu)"
    pb_utils.Logger.log_warn(
        f"model '{config['name']}' runs on the CPU: got {got}, "
        f"expected CUDA on GPU {args['model_instance_device_id']}"
    )
    return None


def missing_tensors(
    session_tensors: list[Any], configured: list[dict[str, Any]], batched: bool
) -> list[dict[str, Any]]:
    """Triton's description of the model's tensors that the configuration does not name."""
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


def row_slices(feed: Arrays, n_threads: int, at_once: int) -> list[Arrays]:
    """Cut a batch into slices of at most `at_once` rows, equally many for every thread."""
    n_rows = len(next(iter(feed.values())))
    n_rounds = -(-n_rows // (at_once * n_threads))
    edges = np.linspace(0, n_rows, 1 + min(n_rows, n_rounds * n_threads)).astype(int)
    return [
        {name: values[first:last] for name, values in feed.items()}
        for first, last in pairwise(edges)
    ]


class TritonPythonModel:
    """One instance of one ONNX model."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:  # noqa: ANN401 - pb_utils.ModelConfig exists only in the server
        """Add the inputs and outputs that `config.pbtxt` leaves to the ONNX file."""
        config = auto_complete_model_config.as_dict()
        if config["input"] and config["output"]:
            return auto_complete_model_config
        session = create_session(config, model_path(config), [CPU])
        batched = config["max_batch_size"] > 0
        for tensor in missing_tensors(session.get_inputs(), config["input"], batched):
            auto_complete_model_config.add_input(tensor)
        for tensor in missing_tensors(session.get_outputs(), config["output"], batched):
            auto_complete_model_config.add_output(tensor)
        return auto_complete_model_config

    def initialize(self, args: dict[str, str]) -> None:
        """Load the session on the instance's device."""
        self.config = json.loads(args["model_config"])
        n_threads, on_gpu = thread_count(self.config), gpu_session(self.config, args)
        self.by_rows = self.config["max_batch_size"] > 0 and on_gpu is None
        allowed = os.environ.get(PRECISION, "").split("+") if self.by_rows else []
        path = model_path(self.config)
        quantized = int8_path(path) if INT8 in allowed else None
        self.session = on_gpu or create_session(
            self.config, quantized or path, [CPU], 1 if self.by_rows else n_threads
        )
        self.n_runs = n_threads if self.by_rows else 1  # in parallel
        self.threads = ThreadPoolExecutor(self.n_runs)
        self.input_names = [tensor.name for tensor in self.session.get_inputs()]
        self.output_names = [tensor.name for tensor in self.session.get_outputs()]
        engine = "8 bit by ONNX Runtime" if quantized else None
        if not quantized and BFLOAT16 in allowed:
            self.session = BFloat16Session(path, self.n_runs)
            engine = "bfloat16 by OpenVINO"
        self.rows_at_once = ROWS_AT_ONCE_REDUCED if engine else ROWS_AT_ONCE
        if engine:
            pb_utils.Logger.log_info(f"model '{self.config['name']}' runs in {engine}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Work on all requests side by side; an error affects its own request only."""
        under_way = [self._start(request) for request in requests]
        wait([run for runs in under_way for run in runs])
        return [self._response(runs) for runs in under_way]

    def finalize(self) -> None:
        """End the threads."""
        self.threads.shutdown()

    def _start(self, request: Any) -> list[Future[list[Any]]]:  # noqa: ANN401
        """Start the runs of a request; one that cannot be started has a failed run."""
        try:
            feed = {
                name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
                for name in self.input_names
            }
            slices = row_slices(feed, self.n_runs, self.rows_at_once) if self.by_rows else [feed]
            run = partial(self.session.run, self.output_names)
            return [self.threads.submit(run, each) for each in slices]
        except Exception as error:
            failed: Future[list[Any]] = Future()
            failed.set_exception(error)
            return [failed]

    def _response(self, runs: list[Future[list[Any]]]) -> Any:  # noqa: ANN401 - pb_utils.InferenceResponse exists only in the server
        try:
            parts = zip(*(run.result() for run in runs), strict=True)
            outputs = [np.concatenate(values) if self.by_rows else values[0] for values in parts]
            named = zip(self.output_names, outputs, strict=True)
            return pb_utils.InferenceResponse([pb_utils.Tensor(*each) for each in named])
        except Exception as error:
            text = f"model '{self.config['name']}' failed"
            pb_utils.Logger.log_error(f"{text}: {error}")  # may name files, so not for clients
            return pb_utils.InferenceResponse(
                [], pb_utils.TritonError(text, pb_utils.TritonError.INVALID_ARG)
            )
