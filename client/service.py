"""The model `run` behind one gRPC connection, asked by unary asynchronous calls.

Not by one stream: a stream answers in order, so that a short recording waits for a long one, and
it loses the request's id on errors.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from in_flight import Deliver
from outcome import Answer, Failure, Outcome
from wav_scp import Recording

CHECK_TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 2**31 - 1
_TOO_LATE = "StatusCode.DEADLINE_EXCEEDED"


class ServiceError(RuntimeError):
    """No recording can be sent at all; the message is one sentence naming the server."""


class Service:
    """One gRPC connection to a Triton server that holds the model `run`.

    Parameters
    ----------
    url : str
        `host:port` of the server's gRPC port.
    model_name : str
        The model's name.
    timeout_s : float
        How long one recording may take, its wait in the server included.
    parameters : Mapping[str, int | str | bool]
        Request parameters sent with every recording, such as num_speakers.
    """

    def __init__(
        self,
        url: str,
        model_name: str,
        timeout_s: float,
        parameters: Mapping[str, int | str | bool],
    ) -> None:
        self._url = url
        self._model_name = model_name
        self._timeout_s = timeout_s
        self._parameters = dict(parameters)
        self._client = InferenceServerClient(url, channel_args=_channel_arguments(url))

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()  # cancels what is still in flight

    def check(self) -> None:
        """Ask whether the model is ready.

        Raises
        ------
        ServiceError
            If no server answers, or the model is not ready there.
        """
        try:
            ready = self._client.is_model_ready(self._model_name, client_timeout=CHECK_TIMEOUT_S)
        except InferenceServerException as error:
            # gRPC tells a chain of causes, and the last link is the one to know.
            cause = _one_line(error).rsplit(": ", 1)[-1].rstrip("].")
            raise ServiceError(
                f"no Triton server answers gRPC at {self._url} ({cause}); expected host:port of "
                "its gRPC port, 8001 by default, in --url"
            ) from error
        if not ready:
            raise ServiceError(
                f"the server at {self._url} has no model {self._model_name!r} that is ready"
            )

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        """Send one recording; `deliver` gets its outcome in a thread of gRPC's."""
        tensor = InferInput("AUDIO", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([audio], dtype=np.object_))
        started_s = time.monotonic()

        def on_reply(result: InferResult | None, error: InferenceServerException | None) -> None:
            if error is None:
                deliver(_answer(recording, result, time.monotonic() - started_s))
            else:
                deliver(Failure(recording, self._reason(error)))

        try:
            self._client.async_infer(
                self._model_name,
                [tensor],
                on_reply,
                outputs=[InferRequestedOutput("RTTM"), InferRequestedOutput("INFO")],
                client_timeout=self._timeout_s,
                parameters={"recording_id": recording.recording_id, **self._parameters},
            )
        except InferenceServerException as error:
            deliver(Failure(recording, self._reason(error)))

    def _reason(self, error: InferenceServerException) -> str:
        if error.status() == _TOO_LATE:
            return f"no answer within {self._timeout_s:g} s (--timeout)"
        return _one_line(error)


def _channel_arguments(url: str) -> list[tuple[str, int]]:
    """The largest messages that gRPC can do; and no proxy between this machine and itself."""
    host = url.rpartition(":")[0].strip("[]")
    on_this_machine = host in ("localhost", "::1") or host.startswith("127.")
    return [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", int(not on_this_machine)),
    ]


def _answer(recording: Recording, result: InferResult | None, elapsed_s: float) -> Outcome:
    """Read an answer's tensors; never raises, for that would leave the caller waiting for ever."""
    try:
        rttm = _text(result, "RTTM")
        if rttm is None:
            return Failure(recording, "the answer holds no RTTM, expected one string of it")
        info = _parsed_info(_text(result, "INFO"))
        return Answer(recording, _ended_by_line_feed(rttm), info, elapsed_s)
    except Exception as error:
        return Failure(recording, f"the answer cannot be read: {error}")


def _text(result: InferResult | None, name: str) -> bytes | None:
    """Take the one string of output `name`, or None where it is missing."""
    tensor = None if result is None else result.as_numpy(name)
    return None if tensor is None or tensor.size != 1 else bytes(tensor.reshape(-1)[0])


def _ended_by_line_feed(text: bytes) -> bytes:
    # So that files can be joined.
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _parsed_info(text: bytes | None) -> dict[str, Any]:
    """Parse INFO; what cannot be read counts as not told: the RTTM does not depend on it."""
    try:
        info = json.loads(text or b"{}")
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


def _one_line(error: InferenceServerException) -> str:
    return " ".join(str(error.message()).split())
