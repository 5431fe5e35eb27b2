"""A small gRPC server that speaks Triton's protocol and is strict about the contract of `run`."""

import struct
import threading
from concurrent import futures
from dataclasses import dataclass

import grpc
import numpy as np
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from tritonclient.grpc import service_pb2, service_pb2_grpc

import client

COUNTS = {"num_speakers", "min_speakers", "max_speakers"}
ALLOWED_PARAMETERS = {"recording_id", "mode", "exclusive", "channels", *COUNTS}


@dataclass(frozen=True)
class Call:
    """One request as the server got it."""

    recording_id: str
    audio: bytes
    parameters: dict
    outputs: list


def run(server, *args):
    """Run the client against this server; returns its exit code."""
    return client.main(["--url", server.url, *map(str, args)])


def files_in(folder):
    """Return the text of every file that is not hidden, by name."""
    return {path.name: path.read_text() for path in folder.glob("[!.]*")}


def names_in(folder):
    """Return the names of all files that are not hidden."""
    return {path.name for path in folder.glob("[!.]*")}


class RefusalError(Exception):
    """Raised by a test's `reply`: the server answers with this status and text."""

    def __init__(self, text, code=grpc.StatusCode.INVALID_ARGUMENT):
        super().__init__(text)
        self.text, self.code = text, code


def one_turn(call):
    """The default answer: one speaker who talks for a second."""
    return f"SPEAKER {call.recording_id} 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"


class FakeServer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """A server on a free port; the names of methods are those of Triton's protocol."""

    def __init__(self, credentials=None):
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=16),
            options=[("grpc.max_receive_message_length", -1)],
        )
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.health = HealthServicer()  # serves, until a test says otherwise
        add_HealthServicer_to_server(self.health, self._server)
        if credentials:
            self.url = f"localhost:{self._server.add_secure_port('127.0.0.1:0', credentials)}"
        else:
            self.url = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(grace=None).wait()


class FakeTriton(FakeServer):
    """Records every request; answers with `reply(call)`: RTTM, or a dict of outputs.

    An output is a string, or numbers: a list of them or an array. Where it is RTTM alone,
    CONFIDENCE is 0.75 for every line where it is asked for.

    `headers` holds those of every call, the readiness check included.
    `n_cancelled` counts cancelled calls.
    """

    def __init__(self, reply=one_turn, credentials=None):
        super().__init__(credentials)
        self.reply = reply
        self.calls = []
        self.headers = []
        self.n_most_at_once = 0
        self.n_cancelled = 0
        self._n_now = 0
        self._lock = threading.Lock()

    @property
    def ids(self):
        return [call.recording_id for call in self.calls]

    def ModelReady(self, request, context):  # noqa: N802
        self.headers.append(dict(context.invocation_metadata()))
        return service_pb2.ModelReadyResponse(ready=request.name == "run")

    def ModelInfer(self, request, context):  # noqa: N802
        self.headers.append(dict(context.invocation_metadata()))
        answered = threading.Event()
        context.add_callback(lambda: self._ended(answered))
        with self._lock:
            self._n_now += 1
            self.n_most_at_once = max(self.n_most_at_once, self._n_now)
        try:
            call = _checked(request)
            self.calls.append(call)
            answer = self.reply(call)
        except RefusalError as refusal:
            context.abort(refusal.code, refusal.text)
        finally:
            answered.set()
            with self._lock:
                self._n_now -= 1
        if isinstance(answer, str):
            answer = _with_what_else_is_asked(answer, call)
        return _response(answer)

    def _ended(self, answered):
        with self._lock:
            self.n_cancelled += not answered.is_set()


def _checked(request):
    names = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in request.inputs]
    if names != [("AUDIO", "BYTES", [1])] or len(request.raw_input_contents) != 1:
        raise RefusalError(f"inputs: got {names}, expected AUDIO BYTES [1]")
    content = request.raw_input_contents[0]
    (n_bytes,) = struct.unpack_from("<I", content)
    if n_bytes != len(content) - 4:
        raise RefusalError(f"AUDIO: got {len(content) - 4} bytes, expected {n_bytes}")
    if not set(request.parameters) <= ALLOWED_PARAMETERS:
        raise RefusalError(f"parameters: got {sorted(request.parameters)}")
    parameters = {
        name: getattr(value, value.WhichOneof("parameter_choice"))
        for name, value in request.parameters.items()
    }
    outputs = [tensor.name for tensor in request.outputs]
    return Call(parameters.pop("recording_id"), content[4:], parameters, outputs)


def _with_what_else_is_asked(rttm, call):
    answer = {"RTTM": rttm, "INFO": '{"audio_s": 30.0, "n_speakers": 1, "mode": "full"}'}
    if "CONFIDENCE" in call.outputs:
        answer["CONFIDENCE"] = [0.75] * rttm.count("\n")
    return answer


def _response(outputs):
    response = service_pb2.ModelInferResponse(model_name="run", model_version="1")
    for name, value in outputs.items():
        if not isinstance(value, str):
            numbers = np.asarray(value, "<f4")
            response.outputs.add(name=name, datatype="FP32", shape=numbers.shape)
            response.raw_output_contents.append(numbers.tobytes())
            continue
        response.outputs.add(name=name, datatype="BYTES", shape=[1])
        content = value.encode()
        response.raw_output_contents.append(struct.pack("<I", len(content)) + content)
    return response
