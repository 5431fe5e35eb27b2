"""Keeping a bounded number of recordings in flight."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Protocol

from outcome import Failure, Outcome
from wav_scp import Recording

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
        `jobs` files are in memory. A ValueError from it is that recording's failure.
    jobs : int
        Greatest number in flight, at least 1.
    interrupted : Callable[[], bool]
        Tells whether the user wants to stop; looked at between steps, never inside gRPC's code.

    Yields
    ------
    Outcome
        One for each recording, in order of completion.

    Raises
    ------
    KeyboardInterrupt
        Soon after `interrupted` says so.
    """
    arrived: SimpleQueue[Outcome] = SimpleQueue()
    n_in_flight = 0
    for recording in recordings:
        while n_in_flight == jobs or not arrived.empty():
            yield _next(arrived, interrupted)
            n_in_flight -= 1
        _stop_if(interrupted)
        try:
            audio = load(recording)
        except ValueError as error:
            yield Failure(recording, str(error))
            continue
        _stop_if(interrupted)  # reading may have taken long
        diarizer.send(recording, audio, arrived.put)
        n_in_flight += 1
    for _ in range(n_in_flight):
        yield _next(arrived, interrupted)


def _next(arrived: "SimpleQueue[Outcome]", interrupted: Callable[[], bool]) -> Outcome:
    while True:
        if arrived.empty():  # what has finished is still handed out
            _stop_if(interrupted)
        try:
            return arrived.get(timeout=_LOOK_UP_EVERY_S)
        except Empty:
            continue


def _stop_if(interrupted: Callable[[], bool]) -> None:
    if interrupted():
        raise KeyboardInterrupt
