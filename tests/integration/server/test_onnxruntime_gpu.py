"""The stand-in for Triton's onnxruntime backend on a GPU that ONNX Runtime only seems to have."""

import onnxruntime as ort
import pytest

from integration.fake_pb_utils import FakeServer
from integration.model_loading import loaded
from integration.server.test_model_onnxruntime import BACKEND


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def backend(server, tmp_path):
    with loaded(BACKEND, server, tmp_path) as module:
        yield module


class FakeSession:
    """Remembers what it was made with; `works` are the providers that start."""

    def __init__(self, works, providers):
        self.works, self.providers = works, providers

    def get_providers(self):
        return self.works


@pytest.fixture
def cuda_sessions(backend, monkeypatch):
    """A function that lets ONNX Runtime offer CUDA, of which these providers start."""

    def offer(*works):
        monkeypatch.setattr(ort, "get_available_providers", lambda: [backend.CUDA, backend.CPU])
        monkeypatch.setattr(ort, "preload_dlls", lambda: None)
        monkeypatch.setattr(
            backend, "create_session", lambda _, _path, providers: FakeSession([*works], providers)
        )

    return offer


def test_a_gpu_instance_gets_its_own_device(backend, server, cuda_sessions):
    cuda_sessions(backend.CUDA, backend.CPU)
    args = {"model_instance_kind": "GPU", "model_instance_device_id": "1"}
    session = backend.gpu_session({"name": "net"}, args)
    options = {"device_id": 1, "cudnn_conv_algo_search": "HEURISTIC"}
    assert session.providers == [(backend.CUDA, options), backend.CPU]
    assert backend.gpu_session({"name": "net"}, {**args, "model_instance_kind": "CPU"}) is None
    assert server.logger.warnings == []


def test_cuda_that_does_not_start_is_reported(backend, server, cuda_sessions):
    cuda_sessions(backend.CPU)
    args = {"model_instance_kind": "GPU", "model_instance_device_id": "0"}
    assert backend.gpu_session({"name": "net"}, args) is None
    assert server.logger.warnings == [
        "model 'net' runs on the CPU: got CUDAExecutionProvider, which does not start, "
        "expected CUDA on GPU 0"
    ]
