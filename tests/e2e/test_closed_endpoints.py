"""What the server refuses to strangers, on both protocols, and that the rest still works."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from e2e.calls import diarize
from processes import command_line
from triton_server import TritonServer

RESTRICTED = "This protocol is restricted"
PB = {name: getattr(pb, name) for name in dir(pb) if name.endswith("Request")}
CLOSED_CALLS = {
    "SystemSharedMemoryStatus": PB["SystemSharedMemoryStatusRequest"](),
    "SystemSharedMemoryRegister": PB["SystemSharedMemoryRegisterRequest"](
        name="x", key="/x", byte_size=1
    ),
    "SystemSharedMemoryUnregister": PB["SystemSharedMemoryUnregisterRequest"](),
    "CudaSharedMemoryStatus": PB["CudaSharedMemoryStatusRequest"](),
    "CudaSharedMemoryRegister": PB["CudaSharedMemoryRegisterRequest"](name="x"),
    "CudaSharedMemoryUnregister": PB["CudaSharedMemoryUnregisterRequest"](),
    "RepositoryIndex": PB["RepositoryIndexRequest"](),
    "RepositoryModelLoad": PB["RepositoryModelLoadRequest"](model_name="run"),
    "RepositoryModelUnload": PB["RepositoryModelUnloadRequest"](model_name="run"),
    "TraceSetting": PB["TraceSettingRequest"](),
    "LogSettings": PB["LogSettingsRequest"](),
}
CLOSED_PATHS = [
    ("GET", "systemsharedmemory/status"),
    ("POST", "systemsharedmemory/region/x/register"),
    ("POST", "systemsharedmemory/unregister"),
    ("GET", "cudasharedmemory/status"),
    ("POST", "cudasharedmemory/region/x/register"),
    ("POST", "cudasharedmemory/unregister"),
    ("POST", "repository/index"),
    ("POST", "repository/models/run/load"),
    ("POST", "repository/models/run/unload"),
    ("GET", "trace/setting"),
    ("POST", "trace/setting"),
    ("POST", "models/run/trace/setting"),
    ("GET", "logging"),
    ("POST", "logging"),
]
OPEN_PATHS = [
    "",
    "/health/live",
    "/health/ready",
    "/models/run",
    "/models/run/ready",
    "/models/run/config",
    "/models/run/stats",
    "/models/stats",
]

pytestmark = pytest.mark.triton


def ask(server, method, path, body=None):
    """Status and text of an answer over HTTP."""
    data = (body or b"{}") if method == "POST" else None
    request = urllib.request.Request(f"{server.http_url}/v2{path}", data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.url) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.mark.parametrize("call", CLOSED_CALLS)
def test_closed_over_grpc(stub, call):
    with pytest.raises(grpc.RpcError) as refused:
        getattr(stub, call)(CLOSED_CALLS[call], timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert RESTRICTED in refused.value.details()


@pytest.mark.parametrize(("method", "path"), CLOSED_PATHS)
def test_closed_over_http(server, method, path):
    status, text = ask(server, method, f"/{path}")
    assert status == 403
    assert "restricted" in text


@pytest.mark.parametrize("headers", ["triton-grpc-protocol-diarization-key", "diarization-key"])
def test_a_key_that_is_guessed_opens_nothing(stub, headers):
    with pytest.raises(grpc.RpcError, match=RESTRICTED):
        stub.RepositoryIndex(PB["RepositoryIndexRequest"](), metadata=[(headers, "admin")])


def test_every_path_that_is_not_closed_is_open(server):
    assert {path: ask(server, "GET", path)[0] for path in OPEN_PATHS} == dict.fromkeys(
        OPEN_PATHS, 200
    )


def test_health_metadata_configuration_and_statistics_are_open_over_grpc(server):
    with grpcclient.InferenceServerClient(server.url) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("run")
        assert client.get_server_metadata().version
        assert client.get_model_metadata("run").name == "run"
        assert client.get_model_config("run").config.name == "run"
        assert client.get_inference_statistics("run").model_stats


def test_inference_is_open_on_both(server, sample):
    assert diarize(server, sample.read_bytes(), mode="classic").turns
    samples = np.zeros(1600)
    tensor = {"name": "input", "shape": [1, 1600], "datatype": "FP32", "data": samples.tolist()}
    status, text = ask(
        server, "POST", "/models/run/infer", json.dumps({"inputs": [tensor]}).encode()
    )
    assert status == 200
    assert "RTTM" in text


def test_the_key_is_in_no_log(server):
    line = " ".join(command_line(server.pid))
    keys = re.findall(r"diarization-key=(\w+)", line)
    assert len(keys) == 2
    log = Path(server.log).read_text()
    assert not any(key in log for key in keys)


@pytest.mark.slow
def test_groups_of_the_callers_own_stand_beside_ours(tmp_path):
    flags = [
        "--grpc-restricted-protocol=inference,trace:own=secret",
        "--http-restricted-api=health,inference:own=secret",
    ]
    own = [("triton-grpc-protocol-own", "secret")]
    index, traces = PB["RepositoryIndexRequest"](), PB["TraceSettingRequest"]()
    with TritonServer(tmp_path / "log", flags=flags) as running:
        assert ask(running, "GET", "/health/ready")[0] == 403  # yet it was found to be ready
        assert ask(running, "GET", "/models/run")[0] == 200
        assert ask(running, "POST", "/repository/index")[0] == 403
        with grpc.insecure_channel(running.url) as channel:
            stub = GRPCInferenceServiceStub(channel)
            assert stub.TraceSetting(traces, metadata=own).settings
            with pytest.raises(grpc.RpcError, match=RESTRICTED):
                stub.TraceSetting(traces)
            with pytest.raises(grpc.RpcError, match=RESTRICTED):
                stub.RepositoryIndex(index, metadata=own)
