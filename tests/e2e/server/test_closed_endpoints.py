"""Endpoints that are closed by default, while the others work."""

import re
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
import tritonclient.grpc as grpcclient
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server.processes import command_line
from server.triton_server import TritonServer

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
OPEN_PATHS = {"/v2/health/live": 200, "/v2/health/ready": 200, "/v2": 404, "/v2/models/run": 404}

pytestmark = pytest.mark.triton


def status_of(url, **request):
    """Status of an answer over HTTP."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request), timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.url) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.mark.parametrize("call", CLOSED_CALLS)
def test_restricted_endpoints_are_closed_over_grpc(stub, call):
    with pytest.raises(grpc.RpcError) as refused:
        getattr(stub, call)(CLOSED_CALLS[call], timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert RESTRICTED in refused.value.details()


@pytest.mark.parametrize("headers", ["triton-grpc-protocol-diarization-key", "diarization-key"])
def test_a_guessed_key_is_refused(stub, headers):
    with pytest.raises(grpc.RpcError, match=RESTRICTED):
        stub.RepositoryIndex(PB["RepositoryIndexRequest"](), metadata=[(headers, "admin")])


def test_http_serves_only_health_and_metrics(server):
    answers = {path: status_of(server.http_url + path) for path in OPEN_PATHS}
    assert answers == OPEN_PATHS
    assert status_of(server.metrics_url) == 200
    infer = f"{server.http_url}/v2/models/run/infer"
    assert status_of(infer, data=b'{"inputs": []}') == 501  # no method but GET
    assert status_of(server.metrics_url, data=b"[" * 200_000) == 501


def test_health_metadata_configuration_and_statistics_are_open_over_grpc(server):
    with grpcclient.InferenceServerClient(server.url) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("run")
        assert client.get_server_metadata().version
        assert client.get_model_metadata("run").name == "run"
        assert client.get_model_config("run").config.name == "run"
        assert client.get_inference_statistics("run").model_stats


@pytest.mark.parametrize("model", ["sad", "segmentation", "speaker_model"])
def test_clients_cannot_call_inner_models(stub, model):
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(PB["ModelInferRequest"](model_name=model), timeout=20)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refused.value.details() == (
        f"model: got '{model}', expected one that clients may call: run, stream"
    )


def test_the_key_is_in_no_log(server):
    line = " ".join(command_line(server.pid))
    (key,) = re.findall(r"diarization-key=(\w+)", line)
    assert key not in Path(server.log).read_text()


@pytest.mark.slow
def test_the_users_restrictions_are_added_to_the_default_ones(tmp_path):
    flags = ["--grpc-restricted-protocol=health,inference,trace:own=secret"]
    own = [("triton-grpc-protocol-own", "secret")]
    index, traces = PB["RepositoryIndexRequest"](), PB["TraceSettingRequest"]()
    with (
        TritonServer(tmp_path / "log", flags=flags) as running,
        grpc.insecure_channel(running.url) as channel,
    ):
        stub = GRPCInferenceServiceStub(channel)
        assert stub.TraceSetting(traces, metadata=own).settings
        with pytest.raises(grpc.RpcError, match=RESTRICTED):
            stub.TraceSetting(traces)
        with pytest.raises(grpc.RpcError, match=RESTRICTED):
            stub.ServerReady(PB["ServerReadyRequest"]())  # yet it was found to be ready
        with pytest.raises(grpc.RpcError, match=RESTRICTED):
            stub.RepositoryIndex(index, metadata=own)
