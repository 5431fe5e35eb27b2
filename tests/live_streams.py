"""A client of the gateway's WebSocket."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WITHIN_S = 60
PATH = "/v1/stream"


class Stream:
    """A connection; `frames` are those that it received."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict] = []

    def send(self, type_: str, **fields: object) -> None:
        """Send a frame of JSON."""
        self.connection.send(json.dumps({"type": type_, **fields}))

    def say(self, samples: np.ndarray) -> None:
        """Send samples, int16."""
        self.connection.send(samples.astype("<i2").tobytes())

    def until(self, type_: str) -> dict:
        """Receive frames up to one of this type; returns it."""
        while True:
            frame = json.loads(self.connection.recv(timeout=WITHIN_S))
            self.frames.append(frame)
            if frame["type"] == type_:
                return frame
            assert frame["type"] != "error", frame

    def close_code(self) -> int:
        """Receive frames until the other end closes; returns its code."""
        try:
            while True:
                self.frames.append(json.loads(self.connection.recv(timeout=WITHIN_S)))
        except ConnectionClosed as closed:
            return closed.rcvd.code

    def begin(self, rate_hz: int = 8000, **options: object) -> dict:
        """Start a session; returns the answer."""
        self.send("start", rate_hz=rate_hz, **options)
        return self.until("started")

    def refusal(self) -> tuple[dict, int]:
        """Return the error that closes the connection, and the code of its end."""
        code = self.close_code()
        error = self.frames[-1]
        assert error["type"] == "error"
        assert error["title"]
        for text in ("Traceback", "/tmp", ".py"):
            assert text not in json.dumps(error)
        return error, code

    def drop(self) -> None:
        """Lose the connection, without a word."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)

    @property
    def events(self) -> list[dict]:
        """The events among the frames."""
        return [frame for frame in self.frames if "seq" in frame]


@contextlib.contextmanager
def streaming(
    url: str, headers: dict[str, str] | None = None, **options: object
) -> Iterator[Stream]:
    """Connect to the gateway at this address."""
    with connect(
        url.replace("http", "ws", 1) + PATH,
        additional_headers=headers,
        proxy=None,
        open_timeout=WITHIN_S,
        **options,
    ) as connection:
        yield Stream(connection)
