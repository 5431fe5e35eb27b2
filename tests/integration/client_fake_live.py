"""A small gRPC server that is strict about the contract of the model `stream`."""

import json
import re
import struct
import threading
from dataclasses import dataclass, field

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

from integration.client_fake_server import COUNTS, FakeServer, RefusalError

ALWAYS = {"session", "position", "seen", "end", "start"}
OF_RUN = {"recording_id", "mode", "exclusive", "channels", *COUNTS}
AT_START = {*OF_RUN, "rate_hz", "latency_s", "voices"}
SESSION = re.compile(r"[A-Za-z0-9_-]{16,64}")
MOST_S = 10
VOICE = {"embedding": [1.0, 0.0, 0.0], "network": "campplus"}
VOICE_AFTER_S = 2  # of speech


@dataclass
class Live:
    """A session: how it was started, its audio, and the events that its client may lack."""

    start: dict
    voice: dict
    audio: np.ndarray = field(default_factory=lambda: np.empty(0, np.int16))
    events: list = field(default_factory=list)
    ended: bool = False
    n_events: int = 0

    @property
    def rate_hz(self):
        return self.start["rate_hz"]

    def report(self, **event):
        self.n_events += 1
        self.events.append({"seq": self.n_events, **event})


class FakeLive(FakeServer):
    """Reports a final turn for every full second of audio, and at the end a turn of its length.

    All are one speaker's, whose `voice` is reported after two seconds if it is asked for.
    `before(n)` and `after(n)` are called with the number of the request, from 1, before and after
    the session has changed; what they raise is answered instead.
    """

    def __init__(self):
        super().__init__()
        self.sessions = {}
        self.pieces = []
        self.session_headers = set()
        self.voice = VOICE
        self.before = self.after = lambda number: None
        self.has_audio = threading.Event()
        self._n_requests = 0

    @property
    def only(self):
        """The one session."""
        (session,) = self.sessions.values()
        return session

    def ModelReady(self, request, context):  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=request.name == "stream")

    def ModelInfer(self, request, context):  # noqa: N802
        self._n_requests += 1
        number = self._n_requests
        self.session_headers.add(dict(context.invocation_metadata()).get("diarization-session"))
        try:
            self.before(number)
            document = self._answer(request)
            self.after(number)
        except RefusalError as refusal:
            context.abort(refusal.code, refusal.text)
        content = json.dumps(document).encode()
        response = service_pb2.ModelInferResponse(model_name="stream", model_version="1")
        response.outputs.add(name="EVENTS", datatype="BYTES", shape=[1, 1])
        response.raw_output_contents.append(struct.pack("<I", len(content)) + content)
        return response

    def _answer(self, request):
        samples, parameters = _samples(request), _parameters(request)
        session = self._session(parameters)
        if len(samples) > MOST_S * session.rate_hz:
            raise RefusalError(f"got {len(samples)} samples at once")
        n_received, position = len(session.audio), parameters.get("position", 0)
        if position > n_received:
            raise RefusalError(f"position: got {position}, expected at most {n_received}")
        fresh = samples[n_received - position :]
        if len(fresh) and session.ended:
            raise RefusalError("got audio after the end")
        seen = parameters.get("seen", 0)
        session.events = [event for event in session.events if event["seq"] > seen]
        self.pieces.append(len(samples))
        _hear(session, fresh)
        if len(session.audio):
            self.has_audio.set()
        if parameters.get("end") and not session.ended:
            session.ended = True
            rttm = rttm_of(session)
            info = {
                "mode": "full",
                "audio_s": len(session.audio) / session.rate_hz,
                "speaker_network": session.voice["network"],
            }
            result = {"rttm": rttm, "confidences": [0.5], "info": info}
            if session.start.get("voices"):
                result |= {"labels": [0], "embeddings": [session.voice["embedding"]]}
            session.report(type="result", **result)
        return {"received": len(session.audio), "events": session.events}

    def _session(self, parameters):
        name = parameters["session"]
        start = {key: value for key, value in parameters.items() if key in AT_START}
        if parameters.get("start"):
            session = self.sessions.setdefault(name, Live(start, self.voice))
            if session.start != start:
                raise RefusalError("the session was started with other parameters")
            return session
        if start:
            raise RefusalError(f"got {sorted(start)} in a session that goes on")
        if name not in self.sessions:
            raise RefusalError("the session was never started", grpc.StatusCode.NOT_FOUND)
        return self.sessions[name]


def rttm_of(session):
    """The result: one turn as long as the audio."""
    length_s = len(session.audio) / session.rate_hz
    return (
        f"SPEAKER {session.start['recording_id']} 1 0.000 {length_s:.3f} <NA> <NA> SPEAKER_00 "
        "<NA> <NA>\n"
    )


def _samples(request):
    tensors = [(tensor.name, tensor.datatype) for tensor in request.inputs]
    if request.model_name != "stream" or tensors != [("pcm", "INT16")]:
        raise RefusalError(f"inputs of {request.model_name}: got {tensors}")
    samples = np.frombuffer(request.raw_input_contents[0], "<i2")
    if list(request.inputs[0].shape) != [1, len(samples)]:
        raise RefusalError(f"pcm: got shape {list(request.inputs[0].shape)}")
    return samples


def _parameters(request):
    parameters = {
        name: getattr(value, value.WhichOneof("parameter_choice"))
        for name, value in request.parameters.items()
    }
    if not set(parameters) <= ALWAYS | AT_START or not SESSION.fullmatch(parameters["session"]):
        raise RefusalError(f"parameters: got {parameters}")
    return parameters


def _hear(session, samples):
    first_s = len(session.audio) // session.rate_hz
    session.audio = np.concatenate([session.audio, samples])
    length_s = len(session.audio) // session.rate_hz
    for second in range(first_s, length_s):
        if session.start.get("voices") and second == VOICE_AFTER_S:
            session.report(type="voice", speaker="SPEAKER_00", **session.voice)
        session.report(
            type="turn", id=second, rev=0, speaker="SPEAKER_00", start_s=float(second),
            end_s=second + 1.0, state="final", confidence=0.9,
        )  # fmt: skip
    if len(samples):
        heard_s = len(session.audio) / session.rate_hz
        session.report(
            type="progress", heard_s=heard_s, reported_s=float(length_s), final_s=float(length_s)
        )
