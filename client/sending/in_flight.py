"""Keep a bounded number of recordings in flight, retry those that may succeed, obey Ctrl-C.

One that waits to be sent again counts as in flight.
"""

import contextlib
import heapq
import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Protocol

from console.run_report import log
from inputs.recordings import Recording
from sending.outcome import Answer, Failure, Outcome

Deliver = Callable[[Outcome], None]
_POLL_S = 0.2  # Ctrl-C is noticed within this time


class CancelledError(Exception):
    """Work was stopped because its caller asked for it."""


class Diarizer(Protocol):
    """Takes a recording's bytes and delivers its outcome later, from any thread, exactly once."""

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        """Send without waiting."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a retry: exponential, less a random part of up to a half.

    The random part keeps recordings that failed together from being sent together again.
    """

    first_s: float = 0.5
    max_s: float = 10.0

    def delay_s(self, n_failures: int, fraction: float) -> float:
        """Seconds to wait after `n_failures`; `fraction` is random, from 0 to 1."""
        # 2**30 exceeds any maximum; larger powers overflow in the end.
        whole_s = min(self.first_s * 2.0 ** min(n_failures - 1, 30), self.max_s)
        return whole_s * (1 - fraction / 2)


BACKOFF = Backoff()


def diarize_all(
    diarizer: Diarizer,
    recordings: Iterable[Recording],
    load: Callable[[Recording], bytes],
    jobs: int,
    interrupted: Callable[[], bool],
    retries: "Retries | None" = None,
) -> Iterator[Outcome]:
    """Send all recordings, at most `jobs` at a time, and yield each outcome as it arrives.

    Parameters
    ----------
    diarizer
        Where to send them.
    recordings
        In the order in which to send them.
    load
        Reads the encoded audio. Only called when there is room for one more, so that at most
        `jobs` files are in memory, and again before each retry, so that none is in memory while it
        waits. A ValueError from it is that recording's failure.
    jobs
        Maximum number in flight, at least 1.
    interrupted
        Whether the caller wants to stop; called between steps, never inside gRPC's code.
    retries
        Which failures are sent again; none by default.

    Yields
    ------
    Outcome
        One for each recording, in order of completion.

    Raises
    ------
    CancelledError
        Soon after `interrupted` returns true.
    """
    in_flight = _InFlight(diarizer, load, interrupted, retries or Retries(0))
    for recording in recordings:
        while in_flight.n == jobs or in_flight.has_arrived():
            yield from in_flight.take()
        in_flight.begin(recording)
    while in_flight.n:
        yield from in_flight.take()


@contextlib.contextmanager
def defer_interrupt() -> Iterator[Callable[[], bool]]:
    """Only take a note of Ctrl-C while the block runs; a second Ctrl-C ends the program at once.

    A KeyboardInterrupt in the middle of gRPC's own code can leave a call that never finishes, and
    then closing the connection waits for ever [seen with grpcio 1.85].

    Yields
    ------
    Callable[[], bool]
        Whether Ctrl-C was pressed.

    Raises
    ------
    KeyboardInterrupt
        In place of a CancelledError, which work in the block raises after Ctrl-C.
    """
    pressed = threading.Event()

    def note(number: int, _: FrameType | None) -> None:
        pressed.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set  # signals are handled in the main thread only
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    except CancelledError as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class _Trouble:
    """A recording that failed and may still be answered."""

    first_failure_s: float
    n_failures: int = 0


class Retries:
    """Recordings that wait to be sent again because the server may only be away for a while.

    Plain bookkeeping without threads: the sender asks what to do with an outcome, and which
    recordings are due.

    Parameters
    ----------
    retry_for_s
        How long after its first failure a recording is still sent again; 0 for never.
    backoff
        How long it waits in between.
    clock
        Monotonic, in seconds.
    randoms
        Source of the random part of every wait.
    """

    def __init__(
        self,
        retry_for_s: float,
        backoff: Backoff = BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        randoms: random.Random | None = None,
    ) -> None:
        self._retry_for_s = retry_for_s
        self._backoff = backoff
        self._clock = clock
        self._randoms = randoms or random.Random()
        self._troubles: dict[str, _Trouble] = {}
        self._waiting: list[tuple[float, int, Recording]] = []
        self._order = itertools.count()  # recordings themselves cannot be compared
        self._n_recovered = 0

    def final(self, outcome: Outcome) -> Outcome | None:
        """Return the recording's final outcome, or None if it is sent again."""
        if isinstance(outcome, Failure) and outcome.transient and self._retry_for_s:
            return self._schedule(outcome)
        self._end(outcome)
        return outcome

    def due(self) -> Recording | None:
        """Take a recording that is due to be sent again, if there is one."""
        if self._waiting and self._waiting[0][0] <= self._clock():
            return heapq.heappop(self._waiting)[2]
        return None

    def next_in_s(self, max_s: float) -> float:
        """Seconds until the next one is due, from 0 to `max_s`."""
        if not self._waiting:
            return max_s
        return min(max(self._waiting[0][0] - self._clock(), 0.0), max_s)

    def _schedule(self, failure: Failure) -> Outcome | None:
        now_s = self._clock()
        self._warn_once(failure)
        name = failure.recording.recording_id
        trouble = self._troubles.setdefault(name, _Trouble(now_s))
        trouble.n_failures += 1
        left_s = trouble.first_failure_s + self._retry_for_s - now_s
        if left_s <= 0:
            tried = f"sent {trouble.n_failures} times within {self._retry_for_s:g} s (--retry_for)"
            outcome = replace(failure, reason=f"{failure.reason}; {tried}")
            self._end(outcome)
            return outcome
        delay_s = self._backoff.delay_s(trouble.n_failures, self._randoms.random())
        due_s = now_s + min(delay_s, left_s)
        heapq.heappush(self._waiting, (due_s, next(self._order), failure.recording))
        log.debug("%s: %s; sent again in %.1f s", name, failure.reason, due_s - now_s)
        return None

    def _warn_once(self, failure: Failure) -> None:
        """Log one line per outage, however long it is and however many recordings it affects."""
        if not self._troubles:
            log.warning(
                "%s: %s; such failures are sent again for %g s (--retry_for)",
                failure.recording.recording_id,
                failure.reason,
                self._retry_for_s,
            )

    def _end(self, outcome: Outcome) -> None:
        """Forget a recording that has its outcome; the last such recording ends the outage."""
        trouble = self._troubles.pop(outcome.recording.recording_id, None)
        if trouble is None:
            return
        self._n_recovered += isinstance(outcome, Answer)
        if not self._troubles and self._n_recovered:
            log.info("%d recording(s) were sent again and answered", self._n_recovered)
            self._n_recovered = 0


class _InFlight:
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

    def has_arrived(self) -> bool:
        """Whether an outcome has arrived."""
        return not self._arrived.empty()

    def begin(self, recording: Recording) -> None:
        """Add a recording and send it."""
        self.n += 1
        self._send(recording)

    def take(self) -> Iterator[Outcome]:
        """Wait for an outcome, and yield it unless its recording is sent again."""
        final = self._retries.final(self._next())
        if final is not None:
            self.n -= 1
            yield final

    def _next(self) -> Outcome:
        while not self.has_arrived():  # what has arrived is still yielded after Ctrl-C
            self._stop_if_interrupted()
            if recording := self._retries.due():
                self._send(recording)
                continue
            with contextlib.suppress(Empty):
                return self._arrived.get(timeout=self._retries.next_in_s(_POLL_S))
        return self._arrived.get()

    def _send(self, recording: Recording) -> None:
        self._stop_if_interrupted()
        try:
            audio = self._load(recording)
        except ValueError as error:
            self._stop_if_interrupted()  # which may be the reason
            self._arrived.put(Failure(recording, str(error)))
            return
        self._stop_if_interrupted()  # reading may have taken long
        self._diarizer.send(recording, audio, self._arrived.put)

    def _stop_if_interrupted(self) -> None:
        if self._interrupted():
            raise CancelledError
