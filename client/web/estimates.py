"""How long a job may take yet: an estimate, from what others took here."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

# Two CPU cores diarize half a minute of audio per second, see docs/benchmark.md; what is seen here
# soon counts more.
FIRST_GUESS = 1 / 30  # seconds of work per second of audio
OVERHEAD_S = 0.5  # of a job, however short
_NEWEST_SHARE = 0.3


class Pace:
    """Seconds of work per second of audio, as the jobs of late took them."""

    def __init__(self) -> None:
        self._pace = FIRST_GUESS
        self._lock = threading.Lock()

    def learn(self, audio_s: float | None, work_s: float) -> None:
        """Take in one job that was answered."""
        if not audio_s or work_s < 0:
            return
        seen = max(work_s - OVERHEAD_S, 0.0) / audio_s
        with self._lock:
            self._pace += _NEWEST_SHARE * (seen - self._pace)

    def work_s(self, audio_s: float) -> float:
        """Seconds that so much audio is expected to take."""
        return OVERHEAD_S + self._pace * audio_s


@dataclass(frozen=True)
class Load:
    """Seconds of audio in front of a job.

    `under_way` has those of each that is worked on, and for how long it has been; `before` those of
    each that waits before it.
    """

    under_way: Sequence[tuple[float, float]]
    before: Sequence[float]


def remaining_s(pace: Pace, audio_s: float, running_s: float | None, load: Load, n: int) -> float:
    """Estimate when a job will be done.

    Parameters
    ----------
    pace : Pace
        Of this server.
    audio_s : float
        Length of its recording.
    running_s : float | None
        How long it has been worked on; None while it waits.
    load : Load
        What is in front of it.
    n : int
        Jobs that are worked on at a time.
    """
    own_s = pace.work_s(audio_s)
    if running_s is not None:
        return max(own_s - running_s, 0.0)
    left_s = [max(pace.work_s(length_s) - gone_s, 0.0) for length_s, gone_s in load.under_way]
    before_s = [pace.work_s(length_s) for length_s in load.before]
    return (sum(left_s) + sum(before_s)) / n + own_s
