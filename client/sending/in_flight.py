"""Keeping a bounded number of recordings in flight, those that wait to be sent again included."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Protocol

from inputs.wav_scp import Recording
from sending.outcome import Failure, Outcome
from sending.retrying import Retries

Deliver = Callable[[Outcome], None]
_LOOK_UP_EVERY_S = 0.2  # how long Ctrl-C may go unnoticed


class Diarizer(Protocol):
    """Takes a recording's bytes and delivers its outcome later, from any thread, exactly once."""

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        """Send without waiting."""


def diarize_all(
    diarizer: Diarizer,
    recordings: Iterable[Recording],
    load: Callable[[Recording], bytes],
    jobs: int,
    interrupted: Callable[[], bool],
    retries: Retries | None = None,
) -> Iterator[Outcome]:
    """Send all recordings, at most `jobs` at a time; yield each outcome as soon as it is there.

    Parameters
    ----------
    diarizer : Diarizer
        Where to send them.
    recordings : Iterable[Recording]
        In the order in which to send them.
    load : Callable[[Recording], bytes]
        Reads the encoded audio. Called only when there is room for one more, so that at most
        `jobs` files are in memory, and again before a recording is sent again, so that none stays
        there while it waits. A ValueError from it is that recording's failure.
    jobs : int
        Greatest number in flight, at least 1. One that waits to be sent again counts.
    interrupted : Callable[[], bool]
        Tells whether the user wants to stop; looked at between steps, never inside gRPC's code.
    retries : Retries | None
        Decides which failures are sent again; by default none is.

    Yields
    ------
    Outcome
        One for each recording, in order of completion.

    Raises
    ------
    KeyboardInterrupt
        Soon after `interrupted` says so.
    """
    under_way = _UnderWay(diarizer, load, interrupted, retries or Retries(0))
    for recording in recordings:
        while under_way.n == jobs or under_way.has_news():
            yield from under_way.ended()
        under_way.begin(recording)
    while under_way.n:
        yield from under_way.ended()


class _UnderWay:
    """Recordings that were sent, or wait to be sent again; there are `n` of them."""

    def __init__(
        self,
        diarizer: Diarizer,
        load: Callable[[Recording], bytes],
        interrupted: Callable[[], bool],
        retries: Retries,
    ) -> None:
        self._diarizer = diarizer
        self._load = load
        self._interrupted = interrupted
        self._retries = retries
        self._arrived: SimpleQueue[Outcome] = SimpleQueue()
        self.n = 0

    def has_news(self) -> bool:
        """Whether an outcome has arrived."""
        return not self._arrived.empty()

    def begin(self, recording: Recording) -> None:
        """Take one more recording."""
        self.n += 1
        self._send(recording)

    def ended(self) -> Iterator[Outcome]:
        """Wait for an outcome, and yield it unless its recording is sent again."""
        final = self._retries.final(self._next())
        if final is not None:
            self.n -= 1
            yield final

    def _next(self) -> Outcome:
        while not self.has_news():  # what has finished is still handed out after Ctrl-C
            self._stop_if_interrupted()
            if recording := self._retries.due():
                self._send(recording)
                continue
            with contextlib.suppress(Empty):
                return self._arrived.get(timeout=self._retries.next_in_s(_LOOK_UP_EVERY_S))
        return self._arrived.get()

    def _send(self, recording: Recording) -> None:
        self._stop_if_interrupted()
        try:
            audio = self._load(recording)
        except ValueError as error:
            self._stop_if_interrupted()  # that may be why
            self._arrived.put(Failure(recording, str(error)))
            return
        self._stop_if_interrupted()  # reading may have taken long
        self._diarizer.send(recording, audio, self._arrived.put)

    def _stop_if_interrupted(self) -> None:
        if self._interrupted():
            raise KeyboardInterrupt
