"""The stand-in for Triton's onnxruntime backend, on small random networks."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from tritonclient.grpc import model_config_pb2 as pb

from integration.fake_pb_utils import (
    FakeServer,
    ModelConfig,
    Request,
    TritonError,
    TritonModelException,
)
from integration.model_contract import REPOSITORY, config_dict
from integration.model_loading import execute, initialize_args, loaded

BACKEND = REPOSITORY.parent / "scripts" / "server" / "backends" / "onnxruntime" / "model.py"
N_BINS, DIM = 3, 2
FIRST_RUN_WITHIN_S = 60
N_RUNS = 16
USE_AT_ONCE = """import sys; from pathlib import Path
from integration.server.test_model_onnxruntime import use_at_once
use_at_once(Path(sys.argv[1]))"""
SOON_S = 1e-7  # of switches between Python's threads
WEIGHTS = np.random.default_rng(0).standard_normal((N_BINS, DIM)).astype(np.float32)


def write_network(path, weights=WEIGHTS):
    """feats (batch, time, 3) -> embs (batch, 2), mean over time by random weights; peak (batch)."""
    nodes = [
        helper.make_node("ReduceMean", ["feats"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["embs"]),
        helper.make_node("ReduceMax", ["feats"], ["peak"], axes=[1, 2], keepdims=0),
    ]
    shapes = {"feats": ["batch", "time", N_BINS], "embs": ["batch", DIM], "peak": ["batch"]}
    tensors = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "net",
        [tensors["feats"]],
        [tensors["embs"], tensors["peak"]],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.fixture
def folder(tmp_path):
    """Version folder with the network."""
    write_network(tmp_path / "model.onnx")
    return tmp_path


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def backend(folder, server):
    with loaded(BACKEND, server, folder) as module:
        yield module


def network_config(max_batch_size=4, inputs=True, outputs=True, **parameters):
    """Configuration of the network; `dims` have a batch dimension only without batching."""
    batch = [] if max_batch_size else [-1]
    config = pb.ModelConfig(name="net", backend="onnxruntime", max_batch_size=max_batch_size)
    if inputs:
        config.input.add(name="feats", data_type=pb.TYPE_FP32, dims=[*batch, -1, N_BINS])
    if outputs:
        config.output.add(name="embs", data_type=pb.TYPE_FP32, dims=[*batch, DIM])
        config.output.add(name="peak", data_type=pb.TYPE_FP32, dims=batch)
    for name, value in parameters.items():
        config.parameters[name].string_value = value
    return config


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    monkeypatch.delenv("DIARIZATION_PRECISION", raising=False)


@pytest.fixture
def bfloat16(monkeypatch):
    monkeypatch.setenv("DIARIZATION_PRECISION", "bf16")


def started(backend, config, folder, kind="CPU"):
    model = backend.TritonPythonModel()
    model.initialize(initialize_args(config, folder, kind))
    return model


def completed(backend, config):
    """Inputs and outputs as name -> (type, dims) after auto-completion."""
    before = ModelConfig(config_dict(config))
    after = backend.TritonPythonModel.auto_complete_config(before).as_dict()
    return [
        {tensor["name"]: (tensor["data_type"], tensor["dims"]) for tensor in after[kind]}
        for kind in ("input", "output")
    ]


def feats(n_rows, n_frames=5, seed=0):
    shape = (n_rows, n_frames, N_BINS)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class CountedSession:
    """A session that remembers how many rows each run had, and how many ran at once."""

    def __init__(self, session, least_at_once=1):
        self.session, self.rows = session, []
        self.together = threading.Barrier(least_at_once)

    def run(self, names, feed):
        self.together.wait(timeout=10)
        self.rows.append(len(feed["feats"]))
        return self.session.run(names, feed)


def test_tensors_that_are_not_configured_are_read_from_the_file(backend):
    inputs, outputs = completed(backend, network_config(inputs=False, outputs=False))
    assert inputs == {"feats": ("TYPE_FP32", [-1, N_BINS])}
    assert outputs == {"embs": ("TYPE_FP32", [DIM]), "peak": ("TYPE_FP32", [])}


def test_without_batching_the_first_dimension_is_part_of_the_dims(backend):
    inputs, outputs = completed(backend, network_config(0, inputs=False, outputs=False))
    assert inputs["feats"] == ("TYPE_FP32", [-1, -1, N_BINS])
    assert outputs["embs"] == ("TYPE_FP32", [-1, DIM])


def test_configured_tensors_stay_as_they_are(backend):
    config = network_config(outputs=False)
    config.input[0].dims[:] = [148, N_BINS]
    config.output.add(name="peak", data_type=pb.TYPE_FP32, dims=[1])
    inputs, outputs = completed(backend, config)
    assert inputs == {"feats": ("TYPE_FP32", [148, N_BINS])}
    assert outputs == {"peak": ("TYPE_FP32", [1])}


def test_only_the_outputs_are_completed_where_the_inputs_are_configured(backend):
    config = network_config(outputs=False)
    config.input[0].dims[:] = [148, N_BINS]
    inputs, outputs = completed(backend, config)
    assert inputs == {"feats": ("TYPE_FP32", [148, N_BINS])}
    assert set(outputs) == {"embs", "peak"}


def test_a_complete_configuration_needs_no_file(backend, folder):
    (folder / "model.onnx").unlink()
    inputs, outputs = completed(backend, network_config())
    assert (set(inputs), set(outputs)) == ({"feats"}, {"embs", "peak"})


def test_outputs_match_the_network(backend, folder):
    config = network_config()
    (outputs,) = execute(started(backend, config, folder), [Request(config, {"feats": feats(3)})])
    assert np.allclose(outputs["embs"], feats(3).mean(axis=1) @ WEIGHTS, atol=1e-6)
    assert np.array_equal(outputs["peak"], feats(3).max(axis=(1, 2)))


def test_batched_requests_get_their_own_rows(backend, folder):
    config = network_config()
    model = started(backend, config, folder)
    inputs = [feats(n_rows, seed=n_rows) for n_rows in (1, 3, 2)]
    together = execute(model, [Request(config, {"feats": each}) for each in inputs])
    for outputs, each in zip(together, inputs, strict=True):
        (alone,) = execute(model, [Request(config, {"feats": each})])
        assert outputs.keys() == alone.keys() == {"embs", "peak"}
        for name, values in alone.items():
            assert np.array_equal(outputs[name], values)


@pytest.mark.parametrize(
    ("n_threads", "n_rows", "slices"),
    [
        (1, 4, [4]),
        (1, 5, [2, 3]),
        (2, 1, [1]),
        (2, 3, [1, 2]),
        (2, 8, [4, 4]),
        (2, 9, [2, 2, 2, 3]),
        (2, 64, [4] * 16),
        (8, 12, [1, 1, 1, 2, 1, 2, 2, 2]),
    ],
)
def test_rows_are_cut_into_slices_for_all_threads(backend, folder, n_threads, n_rows, slices):
    config = network_config(64, intra_op_thread_count=str(n_threads))
    model = started(backend, config, folder)
    model.session = CountedSession(model.session)
    (outputs,) = execute(model, [Request(config, {"feats": feats(n_rows)})])
    assert sorted(model.session.rows) == sorted(slices)
    assert outputs["embs"].shape == (n_rows, DIM)
    assert np.allclose(outputs["embs"], feats(n_rows).mean(axis=1) @ WEIGHTS, atol=1e-6)


def test_slices_run_in_parallel_each_on_one_thread(backend, folder):
    config = network_config(intra_op_thread_count="3")
    model = started(backend, config, folder)
    assert model.session.get_session_options().intra_op_num_threads == 1
    model.session = CountedSession(model.session, least_at_once=3)
    (outputs,) = execute(model, [Request(config, {"feats": feats(3)})])
    assert len(outputs["embs"]) == 3


def test_slices_of_several_requests_share_the_threads(backend, folder):
    config = network_config(intra_op_thread_count="2")
    model = started(backend, config, folder)
    model.session = CountedSession(model.session, least_at_once=2)
    outcomes = execute(model, [Request(config, {"feats": feats(1, seed=k)}) for k in (1, 2)])
    assert [len(outputs["embs"]) for outputs in outcomes] == [1, 1]


def test_without_batching_requests_run_one_by_one(backend, folder):
    config = network_config(max_batch_size=0)
    model = started(backend, config, folder)
    model.session = CountedSession(model.session)
    outcomes = execute(model, [Request(config, {"feats": feats(n)}) for n in (1, 2)])
    assert sorted(model.session.rows) == [1, 2]
    assert [len(outputs["embs"]) for outputs in outcomes] == [1, 2]


def test_windows_of_different_lengths_are_all_answered(backend, folder):
    config = network_config()
    requests = [Request(config, {"feats": feats(2, n_frames)}) for n_frames in (5, 9)]
    outcomes = execute(started(backend, config, folder), requests)
    for outputs, n_frames in zip(outcomes, (5, 9), strict=True):
        expected = feats(2, n_frames).mean(axis=1) @ WEIGHTS
        assert np.allclose(outputs["embs"], expected, atol=1e-6)


def test_a_bad_request_in_a_batch_fails_alone(backend, folder):
    config = network_config()
    model = started(backend, config, folder)
    bad = Request(config, {"feats": np.zeros((1, 5, N_BINS + 1), np.float32)}, dims_checked=False)
    good = [Request(config, {"feats": feats(2, seed=seed)}) for seed in (1, 2)]
    before, error, after = execute(model, [good[0], bad, good[1]])
    assert isinstance(error, TritonError)
    assert error.code() is TritonError.INVALID_ARG
    assert error.message() == "model 'net' failed"
    for outputs, seed in ((before, 1), (after, 2)):
        expected = feats(2, seed=seed).mean(axis=1) @ WEIGHTS
        assert np.allclose(outputs["embs"], expected, atol=1e-6)


def test_a_request_that_cannot_be_read_fails_alone_and_only_the_log_says_why(
    backend, server, folder
):
    class Unreadable(Request):
        def inputs(self):
            raise RuntimeError("its shared memory is gone")

    config = network_config()
    model = started(backend, config, folder)
    bad = Unreadable(config, {"feats": feats(1)})
    error, good = execute(model, [bad, Request(config, {"feats": feats(2)})])
    assert error.message() == "model 'net' failed"
    assert server.logger.errors == ["model 'net' failed: its shared memory is gone"]
    assert good["embs"].shape == (2, DIM)


def test_a_failed_slice_fails_its_whole_request_and_no_other(backend, folder):
    class Picky:
        def __init__(self, session):
            self.session = session

        def run(self, names, feed):
            if feed["feats"].min() < -100:
                raise RuntimeError("too quiet")
            return self.session.run(names, feed)

    config = network_config(64, intra_op_thread_count="2")
    model = started(backend, config, folder)
    model.session = Picky(model.session)
    bad = feats(20)
    bad[13] = -1000
    error, good = execute(model, [Request(config, {"feats": each}) for each in (bad, feats(9))])
    assert error.message() == "model 'net' failed"
    assert good["embs"].shape == (9, DIM)


def test_on_a_gpu_a_request_is_one_run(backend, folder, monkeypatch):
    session = backend.create_session({"name": "net"}, folder / "model.onnx", [backend.CPU])
    monkeypatch.setattr(backend, "gpu_session", lambda *_: session)
    config = network_config(64, intra_op_thread_count="2")
    model = started(backend, config, folder, kind="GPU")
    model.session = CountedSession(model.session)
    (outputs,) = execute(model, [Request(config, {"feats": feats(20)})])
    assert (model.session.rows, len(outputs["embs"])) == ([20], 20)


@pytest.mark.usefixtures("bfloat16")
def test_in_bfloat16_outputs_match_the_network_roughly(backend, server, folder):
    config = network_config(64, intra_op_thread_count="2")
    model = started(backend, config, folder)
    requests = [Request(config, {"feats": feats(n, n_frames=n)}) for n in (20, 3)]
    for outputs, n in zip(execute(model, requests), (20, 3), strict=True):
        expected = feats(n, n_frames=n).mean(axis=1) @ WEIGHTS
        assert np.allclose(outputs["embs"], expected, rtol=0.02, atol=0.02)
    assert server.logger.infos == ["model 'net' runs in bfloat16 by OpenVINO"]


@pytest.mark.usefixtures("bfloat16")
def test_in_bfloat16_a_row_does_not_depend_on_those_beside_it(backend, folder):
    config = network_config(64, intra_op_thread_count="2")
    model = started(backend, config, folder)
    (together,) = execute(model, [Request(config, {"feats": feats(20)})])
    rows = execute(model, [Request(config, {"feats": row[None]}) for row in feats(20)])
    for name, values in together.items():
        assert np.array_equal(values, np.concatenate([row[name] for row in rows]))


def use_at_once(folder):
    together = threading.Barrier(N_RUNS)

    def run(_):
        together.wait()
        return session.run(["embs"], {"feats": feats(4)})

    sys.setswitchinterval(SOON_S)
    with loaded(BACKEND, FakeServer(), folder) as module, ThreadPoolExecutor(N_RUNS) as pool:
        session = module.BFloat16Session(folder / "model.onnx", N_RUNS)
        list(pool.map(run, range(N_RUNS)))


def test_in_bfloat16_the_first_runs_may_be_at_once(folder):
    """Without care they never end in most processes."""
    command = [sys.executable, "-c", USE_AT_ONCE, str(folder)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        subprocess.run(command, env=paths, check=True, timeout=FIRST_RUN_WITHIN_S)


@pytest.mark.usefixtures("bfloat16")
def test_in_bfloat16_a_bad_request_fails_alone(backend, folder):
    config = network_config()
    bad = Request(config, {"feats": np.zeros((1, 5, N_BINS + 1), np.float32)}, dims_checked=False)
    good = Request(config, {"feats": feats(2)})
    error, outputs = execute(started(backend, config, folder), [bad, good])
    assert error.code() is TritonError.INVALID_ARG
    assert error.message() == "model 'net' failed"
    assert outputs["embs"].shape == (2, DIM)


@pytest.mark.usefixtures("bfloat16")
def test_without_batches_there_is_no_bfloat16(backend, folder):
    config = network_config(max_batch_size=0)
    (outputs,) = execute(started(backend, config, folder), [Request(config, {"feats": feats(3)})])
    assert np.allclose(outputs["embs"], feats(3).mean(axis=1) @ WEIGHTS, atol=1e-6)


@pytest.mark.parametrize(("factor", "engine"), [(1, "bfloat16"), (2, "8 bit")])
def test_the_copy_in_8_bit_of_this_model_is_used(
    backend, server, folder, monkeypatch, factor, engine
):
    monkeypatch.setenv("DIARIZATION_PRECISION", "int8+bf16")
    write_network(folder / "model.int8.onnx", 2 * WEIGHTS)
    original = (folder / "model.onnx").read_bytes() if factor == 2 else b"another model"
    stamp = {"source_sha256": hashlib.sha256(original).hexdigest()}
    (folder / "model.int8.onnx.json").write_text(json.dumps(stamp))
    model, config = started(backend, network_config(64), folder), network_config(64)
    (outputs,) = execute(model, [Request(config, {"feats": feats(9)})])
    expected = factor * feats(9).mean(axis=1) @ WEIGHTS
    assert np.allclose(outputs["embs"], expected, rtol=0.02, atol=0.02)
    assert f"model 'net' runs in {engine}" in server.logger.infos[0]


def test_an_invalid_number_of_threads_prevents_loading(backend, folder):
    with pytest.raises(TritonModelException, match=r"net.*got -1, expected 0 or more"):
        started(backend, network_config(intra_op_thread_count="-1"), folder)


def test_a_missing_file_is_reported_with_a_remedy(backend, folder):
    (folder / "model.onnx").unlink()
    with pytest.raises(TritonModelException) as caught:
        started(backend, network_config(), folder)
    assert str(caught.value) == (
        "model 'net': model.onnx is missing; "
        "run ./scripts/setup.sh or scripts/setup/prepare_models.py"
    )


def test_a_damaged_file_is_reported(backend, folder):
    (folder / "model.onnx").write_bytes(b"half a download")
    with pytest.raises(
        TritonModelException, match=r"^model 'net': model.onnx is damaged or not .*; run "
    ):
        started(backend, network_config(), folder)


def test_the_configured_file_name_is_used(backend, folder):
    (folder / "model.onnx").rename(folder / "other.onnx")
    config = network_config()
    config.default_model_filename = "other.onnx"
    assert started(backend, config, folder).output_names == ["embs", "peak"]


def n_threads_of(model):
    return model.session.get_session_options().intra_op_num_threads


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_thread_count_parameter_is_used(backend, folder, monkeypatch, n_threads):
    monkeypatch.setenv("DIARIZATION_THREADS", "7")
    config = network_config(0, intra_op_thread_count=str(n_threads))
    assert n_threads_of(started(backend, config, folder)) == n_threads


@pytest.mark.parametrize("parameters", [{}, {"intra_op_thread_count": "0"}])
def test_the_default_thread_count_is_the_launchers(backend, folder, monkeypatch, parameters):
    monkeypatch.setenv("DIARIZATION_THREADS", "3")
    assert n_threads_of(started(backend, network_config(0, **parameters), folder)) == 3


def test_without_the_launcher_all_available_cores_are_used(backend, folder, monkeypatch):
    monkeypatch.delenv("DIARIZATION_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {4, 5, 6})
    assert n_threads_of(started(backend, network_config(0), folder)) == 3


def test_a_gpu_instance_without_cuda_runs_on_the_cpu_and_says_so(
    backend, server, folder, monkeypatch
):
    monkeypatch.setattr(ort, "get_available_providers", lambda: [backend.CPU])
    model = started(backend, network_config(), folder, kind="GPU")
    assert (model.session.get_providers(), model.by_rows) == ([backend.CPU], True)
    assert server.logger.warnings == [
        "model 'net' runs on the CPU: got onnxruntime without CUDA "
        "(./scripts/setup.sh --gpu installs onnxruntime-gpu), expected CUDA on GPU 0"
    ]
