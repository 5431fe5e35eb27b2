"""A model behind a gRPC channel: `run`, by unary asynchronous calls, or `stream`, in turn.

Not by one stream: a stream answers in order, so a short recording would wait for a long one, and
errors on it lose the request's id.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from inputs.recordings import Recording
from sending import addresses
from sending.access import OPEN, Access, Tls
from sending.errors import is_refused, is_transient, no_service, reason
from sending.in_flight import Deliver
from sending.outcome import Answer, Failure, Outcome

CHECK_TIMEOUT_S = 10.0
SESSION_HEADER = "diarization-session"  # balancers send all of a live session to one server
MAX_MESSAGE_BYTES = 2**31 - 1
FIRST_RECONNECT_S = 0.2
MAX_RECONNECT_S = 5.0
# Pings notice a machine that lost its power. Triton closes connections that ping more often than
# every 300 s during a request.
PING_EVERY_S = 310.0
PING_TIMEOUT_S = 60.0


class ServiceError(RuntimeError):
    """No recording can be sent; the message is one sentence naming the server."""


class Service:
    """A gRPC channel to the Triton servers that hold the model `run`, which take turns.

    Parameters
    ----------
    url
        `host:port` of a server's gRPC port, or several of them separated by commas.
    model_name
        The model's name.
    timeout_s
        Maximum time of one recording, including its wait in the server.
    parameters
        Request parameters of every recording, such as num_speakers.
    access
        Headers of every call, and the connection's encryption.
    outputs
        Requested outputs beside RTTM and INFO: CONFIDENCE, LABELS, EMBEDDINGS.
    """

    def __init__(
        self,
        url: str,
        model_name: str,
        timeout_s: float,
        parameters: Mapping[str, int | str | bool],
        access: Access = OPEN,
        outputs: Sequence[str] = (),
    ) -> None:
        self._url = url
        self._model_name = model_name
        self._timeout_s = timeout_s
        self._parameters = dict(parameters)
        self._access = access
        self._outputs = ("RTTM", "INFO", *outputs)
        target, options = addresses.target(url)
        self._client = InferenceServerClient(
            target, channel_args=[*channel_arguments(url), *options], **encryption(access.tls)
        )

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()  # cancels what is still in flight

    def check(self) -> None:
        """Check that the model is ready.

        Raises
        ------
        ServiceError
            If no server answers, it refuses access, or the model is not ready.
        """
        try:
            ready = self._client.is_model_ready(
                self._model_name, headers=self._headers(), client_timeout=CHECK_TIMEOUT_S
            )
        except InferenceServerException as error:
            raise ServiceError(no_service(error, self._url, self._access.tls)) from error
        if not ready:
            raise ServiceError(
                f"the server at {self._url} has no model {self._model_name!r} that is ready"
            )

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        """Send one recording; `deliver` is called with its outcome in a thread of gRPC."""
        tensor = InferInput("AUDIO", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([audio], dtype=np.object_))
        started_s = time.monotonic()

        def on_reply(result: InferResult | None, error: InferenceServerException | None) -> None:
            if error is None:
                deliver(_answer(recording, result, time.monotonic() - started_s))
            else:
                deliver(self._failure(recording, error))

        try:
            self._client.async_infer(
                self._model_name,
                [tensor],
                on_reply,
                outputs=[InferRequestedOutput(name) for name in self._outputs],
                client_timeout=self._timeout_s,
                headers=self._headers(),
                parameters={"recording_id": recording.recording_id, **self._parameters},
            )
        except InferenceServerException as error:
            deliver(self._failure(recording, error))

    def ask(
        self,
        inputs: list[InferInput],
        output: str,
        parameters: dict[str, int | str | bool],
        timeout_s: float,
    ) -> InferResult:
        """Send one request of a live session and wait for its answer.

        Raises
        ------
        InferenceServerException
            If there is none.
        """
        return self._client.infer(
            self._model_name,
            inputs,
            outputs=[InferRequestedOutput(output)],
            client_timeout=timeout_s,
            headers={**self._headers(), SESSION_HEADER: str(parameters["session"])},
            parameters=parameters,
        )

    def _headers(self) -> dict[str, str]:
        return dict(self._access.headers)  # a copy: plug-ins of tritonclient may add to it

    def _failure(self, recording: Recording, error: InferenceServerException) -> Failure:
        why = reason(error, self._timeout_s)
        return Failure(recording, why, is_transient(error), is_refused(error))


def encryption(tls: Tls | None) -> dict[str, Any]:
    """Return the arguments of tritonclient's connection; it takes paths as text only."""
    if tls is None:
        return {}
    files = {"root_certificates": tls.ca, "private_key": tls.key, "certificate_chain": tls.cert}
    return {"ssl": True, **{name: str(path) for name, path in files.items() if path}}


def channel_arguments(url: str) -> list[tuple[str, int]]:
    """Set gRPC's largest messages, frequent reconnects and pings; no proxy to this machine."""
    hosts = [addresses.host_and_port(each)[0] for each in addresses.split(url)]
    on_this_machine = any(host in ("localhost", "::1") or host.startswith("127.") for host in hosts)
    return [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", int(not on_this_machine)),
        ("grpc.initial_reconnect_backoff_ms", int(FIRST_RECONNECT_S * 1000)),
        ("grpc.max_reconnect_backoff_ms", int(MAX_RECONNECT_S * 1000)),
        ("grpc.keepalive_time_ms", int(PING_EVERY_S * 1000)),
        ("grpc.keepalive_timeout_ms", int(PING_TIMEOUT_S * 1000)),
    ]


def _answer(recording: Recording, result: InferResult | None, elapsed_s: float) -> Outcome:
    """Read an answer's tensors; never raises, since the caller would wait for ever."""
    try:
        rttm = _text(result, "RTTM")
        if rttm is None:
            return Failure(recording, "the answer holds no RTTM, expected one string of it")
        info = _parse_info(_text(result, "INFO"))
        text = _ended_by_line_feed(rttm)
        return Answer(
            recording,
            text,
            info,
            elapsed_s,
            _confidences(result),
            _labels(result),
            None if result is None else result.as_numpy("EMBEDDINGS"),
        )
    except Exception as error:
        return Failure(recording, f"the answer cannot be read: {error}")


def _text(result: InferResult | None, name: str) -> bytes | None:
    """Return the one string of output `name`, or None if it is missing."""
    tensor = None if result is None else result.as_numpy(name)
    return None if tensor is None or tensor.size != 1 else bytes(tensor.reshape(-1)[0])


def _confidences(result: InferResult | None) -> list[float] | None:
    """Return the confidence of every turn, or None if it was not requested."""
    values = None if result is None else result.as_numpy("CONFIDENCE")
    return None if values is None else [round(float(value), 4) for value in values.reshape(-1)]


def _labels(result: InferResult | None) -> list[int] | None:
    """Return the label of every turn, or None if they were not requested."""
    rows = None if result is None else result.as_numpy("LABELS")
    return None if rows is None else [int(label) for *_, label in rows.reshape(-1, 3)]


def _ended_by_line_feed(text: bytes) -> bytes:
    # Files can then be joined.
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _parse_info(text: bytes | None) -> dict[str, Any]:
    """Parse INFO; empty if that fails, since the RTTM does not depend on it."""
    try:
        info = json.loads(text or b"{}")
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}
