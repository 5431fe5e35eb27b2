"""The progress of a run in seconds of audio: exact for ended recordings, estimated for others.

The service answers a recording as a whole and reports no progress. So the finished part of a
recording is estimated from the time since it was sent and the speed of this run's answers so far;
before the first answer, the speed of a small server. The progress never goes backwards.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.text import hours

# A recording without an answer is never shown as done, nor is a run that continues.
MAX_OF_A_RECORDING = 0.95
MAX_OF_A_RUN = 0.99
FIRST_SPEED = 30.0  # seconds of audio per second, on 2 CPU cores: docs/benchmark.md


@dataclass(frozen=True)
class Status:
    """The progress of a run at one moment.

    Parameters
    ----------
    done_s, total_s
        Seconds of audio, without recordings of unknown length.
    fraction
        0 to 1; 1 only when all recordings have ended.
    estimated
        Whether `done_s` includes an estimate of unanswered recordings.
    left_s
        Estimated time left in seconds; None if no length is known, and at the end.
    n_ended, n_recordings
        Recordings, including failed ones.
    n_bytes
        Handed to gRPC so far, including retries.
    """

    done_s: float
    total_s: float
    fraction: float
    estimated: bool
    left_s: float | None
    n_ended: int
    n_recordings: int
    n_bytes: int


class Progress:
    """Follows the recordings of a run.

    Parameters
    ----------
    lengths_s
        Seconds of audio of every recording by id; None if its header has no length.
    jobs
        Maximum number in flight.
    clock
        Monotonic, in seconds.
    """

    def __init__(
        self,
        lengths_s: Mapping[str, float | None],
        jobs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lengths_s = dict(lengths_s)
        self._jobs = jobs
        self._clock = clock
        self._sent_at_s: dict[str, float] = {}
        self._ended: set[str] = set()
        self._answered_s = self._waited_s = 0.0
        self._n_bytes = 0
        self._most_done_s = self._most_fraction = 0.0

    def add(self, lengths_s: Mapping[str, float | None]) -> None:
        """Add recordings to the run."""
        self._lengths_s.update(lengths_s)

    def sent(self, recording_id: str, n_bytes: int) -> None:
        """Note that a recording is handed to gRPC, perhaps again."""
        self._sent_at_s[recording_id] = self._clock()
        self._n_bytes += n_bytes

    def answered(self, recording_id: str, audio_s: float | None) -> None:
        """Note an answer, and the length of the audio that the service reported."""
        length_s = self._lengths_s[recording_id]
        if length_s is None:
            length_s = self._lengths_s[recording_id] = audio_s
        if length_s is not None and recording_id in self._sent_at_s:
            self._answered_s += length_s
            self._waited_s += self._clock() - self._sent_at_s[recording_id]
        self.failed(recording_id)

    def failed(self, recording_id: str) -> None:
        """Note that a recording has ended."""
        self._sent_at_s.pop(recording_id, None)
        self._ended.add(recording_id)

    def status(self) -> Status:
        """Return the progress at this moment."""
        estimates_s = self._estimates_s()
        over = len(self._ended) == len(self._lengths_s)
        total_s = sum(length_s or 0.0 for length_s in self._lengths_s.values())
        ended_s = sum(self._lengths_s[name] or 0.0 for name in self._ended)
        self._most_done_s = max(self._most_done_s, ended_s + sum(estimates_s.values()))
        fraction = self._fraction(total_s, over)
        self._most_fraction = max(self._most_fraction, fraction)
        return Status(
            done_s=self._most_done_s,
            total_s=total_s,
            fraction=self._most_fraction,
            estimated=self._most_done_s > ended_s,
            left_s=None if over else self._left_s(estimates_s),
            n_ended=len(self._ended),
            n_recordings=len(self._lengths_s),
            n_bytes=self._n_bytes,
        )

    def _fraction(self, total_s: float, over: bool) -> float:
        if over:
            return 1.0
        if total_s == 0:  # no length is known: count recordings
            return len(self._ended) / len(self._lengths_s)
        return min(self._most_done_s / total_s, MAX_OF_A_RUN)

    @property
    def _speed(self) -> float:
        """Seconds of audio per second of waiting for one recording, which shares the server."""
        if self._answered_s and self._waited_s:
            return self._answered_s / self._waited_s
        return FIRST_SPEED / max(len(self._sent_at_s), 1)

    def _estimates_s(self) -> dict[str, float]:
        """Estimate the finished seconds of audio of the recordings in flight."""
        now_s, speed = self._clock(), self._speed
        return {
            name: min(speed * (now_s - sent_at_s), MAX_OF_A_RECORDING * length_s)
            for name, sent_at_s in self._sent_at_s.items()
            if (length_s := self._lengths_s[name]) is not None
        }

    def _left_s(self, estimates_s: Mapping[str, float]) -> float | None:
        """Estimate the time left: `jobs` recordings at once, but at least the longest one alone."""
        lengths_s = [length_s for length_s in self._lengths_s.values() if length_s is not None]
        if not lengths_s:
            return None
        mean_s = sum(lengths_s) / len(lengths_s)  # assumed for unknown lengths
        left_s = [
            (mean_s if length_s is None else length_s) - estimates_s.get(name, 0.0)
            for name, length_s in self._lengths_s.items()
            if name not in self._ended
        ]
        speed = self._speed
        return max(sum(left_s) / (speed * self._jobs), max(left_s) / speed)


def progress_text(status: Status) -> str:
    """Format the text beside the bar; `~` marks an estimate."""
    parts = []
    if status.total_s:
        mark = "~" if status.estimated else ""
        parts.append(f"{mark}{hours(status.done_s)} of {hours(status.total_s)} audio")
    parts.append(f"{status.n_ended}/{status.n_recordings} done")
    if status.left_s is not None:
        parts.append(f"~{hours(status.left_s)} left")
    elif status.n_ended < status.n_recordings:
        parts.append("estimating")
    parts.append(f"{status.n_bytes / 1e6:.1f} MB sent")
    return ", ".join(parts)
