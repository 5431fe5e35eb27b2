"""Sending a recording again when the server may have been away for a while only.

Plain bookkeeping without threads: who sends asks here what to do with an outcome and which
recordings are due.
"""

import heapq
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from console.run_report import log
from inputs.wav_scp import Recording
from sending.outcome import Answer, Failure, Outcome


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
