"""Ctrl-C that is obeyed at safe points only.

An exception in the middle of gRPC's own code can leave a call that nothing ever finishes, and then
closing the connection waits for ever [seen with grpcio 1.85]. So Ctrl-C only leaves a note here.


Sending a recording again when the server may have been away for a while only.

Plain bookkeeping without threads: who sends asks here what to do with an outcome and which
recordings are due.


Keeping a bounded number of recordings in flight, those that wait to be sent again included.
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


class CancelledError(Exception):
    """Work ended early because its caller asked for that."""


@contextlib.contextmanager
def noted_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a note as long as the block runs; a second Ctrl-C ends the program at once.

    Yields
    ------
    Callable[[], bool]
        Tells whether Ctrl-C was pressed.

    Raises
    ------
    KeyboardInterrupt
        In place of a CancelledError, which work in the block raises once it sees the note.
    """
    noted = threading.Event()

    def note(number: int, _: FrameType | None) -> None:
        noted.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set  # signals reach the main thread only, and there they are not ours
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted.is_set
    except CancelledError as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Backoff:
    """How long to wait: twice as long each time, and less by a random part of up to a half.

    The random part keeps recordings that failed together from coming back together.
    """

    first_s: float = 0.5
    most_s: float = 10.0

    def delay_s(self, n_failures: int, fraction: float) -> float:
        """Seconds to wait after so many failures; `fraction` is random, from 0 to 1."""
        # Beyond 2**30 the most is reached anyhow, and larger powers overflow in the end.
        whole_s = min(self.first_s * 2.0 ** min(n_failures - 1, 30), self.most_s)
        return whole_s * (1 - fraction / 2)


BACKOFF = Backoff()


@dataclass
class _Trouble:
    """A recording that failed and may be answered yet."""

    first_failure_s: float
    n_failures: int = 0


class Retries:
    """Recordings that wait to be sent again.

    Parameters
    ----------
    retry_for_s : float
        How long after its first failure a recording is still sent again; 0 for never.
    backoff : Backoff
        How long it waits in between.
    clock : Callable[[], float]
        Seconds that only go forward.
    randoms : random.Random
        Gives the random part of every wait.
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
        self._order = itertools.count()  # so that recordings due at once need no order themselves
        self._n_recovered = 0

    def final(self, outcome: Outcome) -> Outcome | None:
        """Return the outcome that the recording ends with, or None if it is sent again."""
        if isinstance(outcome, Failure) and outcome.may_pass and self._retry_for_s:
            return self._put_off(outcome)
        self._ends(outcome)
        return outcome

    def due(self) -> Recording | None:
        """Take a recording whose time to be sent again has come, if there is one."""
        if self._waiting and self._waiting[0][0] <= self._clock():
            return heapq.heappop(self._waiting)[2]
        return None

    def next_in_s(self, most_s: float) -> float:
        """Seconds until the next one is due, from 0 to `most_s`."""
        if not self._waiting:
            return most_s
        return min(max(self._waiting[0][0] - self._clock(), 0.0), most_s)

    def _put_off(self, failure: Failure) -> Outcome | None:
        now_s = self._clock()
        self._tell_first(failure)
        name = failure.recording.recording_id
        trouble = self._troubles.setdefault(name, _Trouble(now_s))
        trouble.n_failures += 1
        left_s = trouble.first_failure_s + self._retry_for_s - now_s
        if left_s <= 0:
            tried = f"sent {trouble.n_failures} times within {self._retry_for_s:g} s (--retry_for)"
            outcome = replace(failure, reason=f"{failure.reason}; {tried}")
            self._ends(outcome)
            return outcome
        delay_s = self._backoff.delay_s(trouble.n_failures, self._randoms.random())
        due_s = now_s + min(delay_s, left_s)
        heapq.heappush(self._waiting, (due_s, next(self._order), failure.recording))
        log.debug("%s: %s; sent again in %.1f s", name, failure.reason, due_s - now_s)
        return None

    def _tell_first(self, failure: Failure) -> None:
        # One line for an outage, however many recordings it meets and however long it is.
        if not self._troubles:
            log.warning(
                "%s: %s; such failures are sent again for %g s (--retry_for)",
                failure.recording.recording_id,
                failure.reason,
                self._retry_for_s,
            )

    def _ends(self, outcome: Outcome) -> None:
        """Forget a recording that has its outcome; the last one to do so ends the outage."""
        trouble = self._troubles.pop(outcome.recording.recording_id, None)
        if trouble is None:
            return
        self._n_recovered += isinstance(outcome, Answer)
        if not self._troubles and self._n_recovered:
            log.info("%d recording(s) were sent again and answered", self._n_recovered)
            self._n_recovered = 0


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
        Tells whether the caller wants to stop; looked at between steps, never inside gRPC's code.
    retries : Retries | None
        Decides which failures are sent again; by default none is.

    Yields
    ------
    Outcome
        One for each recording, in order of completion.

    Raises
    ------
    CancelledError
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
            raise CancelledError
