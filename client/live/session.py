"""A session of the model `stream`: pieces of audio go out, events come back.

Every request may be sent again: it says where its samples belong, and up to which event the client
has them all. So a lost connection or a restarted server costs time only.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tritonclient.grpc import InferInput, InferResult
from tritonclient.utils import InferenceServerException

from inputs.recordings import Recording
from live.sources import Pcm
from sending.errors import is_late, is_refused, is_transient, reason
from sending.in_flight import Retries
from sending.outcome import Answer, Failure
from sending.service import Service

PIECE_TIMEOUT_S = 60.0  # of a request that is sent again afterwards
EVENTS = "EVENTS"
NO_AUDIO: Pcm = np.empty(0, np.int16)
_POLL_S = 0.2

Event = dict[str, Any]


class SessionError(RuntimeError):
    """The session cannot go on; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Session:
    """One live recording at the server; it starts with the first request.

    Parameters
    ----------
    server
        Where to send it: one server, the same for the whole session.
    recording
        What is recorded.
    start
        Parameters of the first request: those of the diarization, rate_hz, latency_s; and the
        session's id, random by default.
    retries
        Which failures are sent again.
    timeout_s
        Maximum time of the last request, which waits for the result.
    sleep
        Waits for seconds.

    Attributes
    ----------
    n_received
        Samples that the server has.
    """

    def __init__(
        self,
        server: Service,
        recording: Recording,
        start: Mapping[str, int | str | bool],
        retries: Retries,
        timeout_s: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.n_received = 0
        self._server = server
        self._recording = recording
        self._id = start.get("session", uuid.uuid4().hex)
        self._start = {"start": True, "recording_id": recording.recording_id, **start}
        self._retries = retries
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._seen = 0

    def send(self, samples: Pcm) -> list[Event]:
        """Send the samples that follow, or none to ask for events; return the new events.

        Raises
        ------
        SessionError
            If the server refuses them, or is away for too long.
        """
        events: list[Event] = []
        while True:
            before = self.n_received
            events += self._request(samples)
            samples = samples[self.n_received - before :]
            if not len(samples):
                return events

    def end(self) -> list[Event]:
        """End the recording and return the last events, `result` among them."""
        return self._request(NO_AUDIO, end=True)

    def _request(self, samples: Pcm, end: bool = False) -> list[Event]:
        """Send one request, again if need be, and note what its answer says."""
        parameters: dict[str, int | str | bool] = {
            "session": self._id,
            "position": self.n_received,
            "seen": self._seen,
            **self._start,
            **({"end": True} if end else {}),
        }
        answer = self._answer(pcm_inputs(samples), parameters, end)
        try:
            events = self._note(json.loads(answer.as_numpy(EVENTS).item()), len(samples))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self.error(f"the answer cannot be read: {error}") from error
        self._start = {}
        return events

    def _note(self, document: dict[str, Any], n_sent: int) -> list[Event]:
        """Note how far the server is; return the events that are new."""
        n_taken = document["received"] - self.n_received
        if not min(n_sent, 1) <= n_taken <= n_sent:
            raise ValueError(
                f"it has received {document['received']} samples, expected up to "
                f"{self.n_received + n_sent}"
            )
        events = [event for event in document["events"] if event["seq"] > self._seen]
        self.n_received += n_taken
        self._seen = max([self._seen, *(event["seq"] for event in events)])
        return events

    def _answer(
        self, inputs: list[InferInput], parameters: dict[str, int | str | bool], end: bool
    ) -> InferResult:
        timeout_s = self._timeout_s if end else min(self._timeout_s, PIECE_TIMEOUT_S)
        while True:
            try:
                result = self._server.ask(inputs, EVENTS, parameters, timeout_s)
            except InferenceServerException as error:
                again = is_transient(error) or (is_late(error) and not end)
                failure = Failure(
                    self._recording, reason(error, timeout_s), again, is_refused(error)
                )
                self._wait_or_give_up(failure)
                continue
            self._retries.final(Answer(self._recording, b"", {}, 0.0))  # the outage is over
            return result

    def _wait_or_give_up(self, failure: Failure) -> None:
        final = self._retries.final(failure)
        if isinstance(final, Failure):
            raise SessionError(final)
        while self._retries.due() is None:
            self._sleep(self._retries.next_in_s(_POLL_S))

    def result_in(self, events: Sequence[Event]) -> Event:
        """Return the result among the last events; SessionError if there is none."""
        for event in events:
            if event["type"] == "result" and event.keys() >= {"rttm", "info", "confidences"}:
                return event
        raise self.error("the answer to the end holds no result, expected RTTM")

    def error(self, why: str) -> SessionError:
        """Make the error that ends the session, in one sentence."""
        return SessionError(Failure(self._recording, why))


def pcm_inputs(samples: Pcm) -> list[InferInput]:
    """Make the input of a request, also without samples: Triton refuses one that has none."""
    tensor = InferInput("pcm", [1, len(samples)], "INT16")
    tensor.set_data_from_numpy(samples[np.newaxis])
    return [tensor]
