"""A client of the model `stream`, as its protocol allows it."""

import json
import time
from uuid import uuid4

import tritonclient.grpc as grpcclient

PIECE_S = 0.5
REST_S = 0.2  # between two requests while the server is away
BACK_WITHIN_S = 120


class Live:
    """A client of one session, which sends what the server may have lost again.

    Attributes
    ----------
    events
        All that came, in order.
    received
        Samples that the server has.
    errors
        Status of every request that failed.
    """

    def __init__(self, server, pcm, rate_hz=16_000, **parameters):
        self.events, self.received, self.errors = [], 0, []
        self._url, self._pcm, self._size = server.url, pcm, round(PIECE_S * rate_hz)
        self._session = {"session": uuid4().hex}
        self._start = {"start": True, "rate_hz": rate_hz, **parameters}

    def send_piece(self, client):
        """Send the piece that comes next."""
        piece = self._pcm[self.received : self.received + self._size]
        tensor = grpcclient.InferInput("pcm", [1, len(piece)], "INT16")
        tensor.set_data_from_numpy(piece[None])
        parameters = {
            **self._session,
            **(self._start if self.received == 0 else {}),
            "position": self.received,
            "seen": self.events[-1]["seq"] if self.events else 0,
            "end": self.received + len(piece) == len(self._pcm),
        }
        headers = {"diarization-session": self._session["session"]}
        result = client.infer(
            "stream", [tensor], parameters=parameters, client_timeout=60, headers=headers
        )
        answer = json.loads(result.as_numpy("EVENTS").item())
        self.events += answer["events"]
        self.received = answer["received"]

    def result(self, before_piece=lambda number: None):
        """Send all of it, and return the text of the result."""
        deadline = time.monotonic() + BACK_WITHIN_S
        with grpcclient.InferenceServerClient(self._url) as client:
            while not self.events or self.events[-1]["type"] != "result":
                before_piece(self.received // self._size)
                try:
                    self.send_piece(client)
                    deadline = time.monotonic() + BACK_WITHIN_S
                except grpcclient.InferenceServerException as error:
                    if time.monotonic() > deadline:
                        raise
                    self.errors.append(error.status())
                    time.sleep(REST_S)
        return self.events[-1]["rttm"]

    def assert_whole(self):
        """No event is lost or doubled, and all audio was heard."""
        assert [event["seq"] for event in self.events] == [*range(1, len(self.events) + 1)]
        assert self.received == len(self._pcm)
