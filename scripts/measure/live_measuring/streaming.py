"""Recordings sent to the model `stream` as live audio."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inputs.audio_files import AudioError
from inputs.recordings import Recording
from live.session import Event, Session, SessionError
from live.sources import Pcm, audio_file
from measure.kit.sending import Connection
from sending.in_flight import Retries


class LiveError(RuntimeError):
    """A recording has no answer; the message is one sentence."""


@dataclass(frozen=True)
class Sound:
    """Audio in memory: one channel of 16-bit samples."""

    samples: Pcm
    rate_hz: int

    @property
    def length_s(self) -> float:
        """Its length."""
        return len(self.samples) / self.rate_hz

    def repeated(self, length_s: float) -> "Sound":
        """Cut or repeat it to a length."""
        return Sound(np.resize(self.samples, round(length_s * self.rate_hz)), self.rate_hz)

    def pieces(self, piece_s: float) -> list[Pcm]:
        """Cut it into pieces; the last may be shorter."""
        step = max(round(piece_s * self.rate_hz), 1)
        return [self.samples[i : i + step] for i in range(0, len(self.samples), step)]


@dataclass(frozen=True)
class Streamed:
    """What a session reported about a recording."""

    recording_id: str
    audio_s: float
    events: list[Event]
    rttm: bytes  # of the result


def read_sound(*paths: Path) -> Sound:
    """Read files as client.py --stream does, and join them.

    Raises
    ------
    AudioError
        If one cannot be read, or has another rate than the first.
    """
    rates_hz, blocks = [], [np.empty(0, np.int16)]
    for path in paths:
        with contextlib.ExitStack() as until_read:
            source = audio_file(path, until_read)
            blocks += source.blocks
        rates_hz.append(source.rate_hz)
        if source.rate_hz != rates_hz[0]:
            raise AudioError(f"{path}: got {source.rate_hz} Hz, expected {rates_hz[0]} as before")
    return Sound(np.concatenate(blocks), rates_hz[0])


@contextlib.contextmanager
def session_at(
    connection: Connection, recording: Recording, rate_hz: int, latency_s: str
) -> Iterator[Session]:
    """Prepare a session with a connection of its own; a request that fails is not repeated.

    LiveError instead of SessionError.
    """
    start: dict[str, int | str | bool] = {"rate_hz": rate_hz, "latency_s": latency_s}
    with connection.service() as service:
        try:
            yield Session(service, recording, start, Retries(0), connection.timeout_s)
        except SessionError as error:
            raise LiveError(f"{recording.recording_id}: {error}") from error


def stream(
    connection: Connection, recording: Recording, latency_s: str, piece_s: float
) -> Streamed:
    """Stream a recording in pieces, each when the one before is answered.

    Raises
    ------
    AudioError, LiveError
        If it cannot be read, or the server refuses it or gives no result.
    """
    sound = read_sound(recording.path)
    with session_at(connection, recording, sound.rate_hz, latency_s) as session:
        events = [event for piece in sound.pieces(piece_s) for event in session.send(piece)]
        events += session.end()
        rttm = session.result_in(events)["rttm"]
    return Streamed(recording.recording_id, sound.length_s, events, rttm.encode())
