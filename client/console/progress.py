"""How far a run is, in seconds of audio: what has ended is exact, what the server does is a guess.

The service answers a recording as a whole and tells nothing before. So the part of a recording that
is done is guessed from the time since it was sent and from the speed at which this run's answers
came so far; before the first answer, from that of a small server. What is shown never goes back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.text import hours

# A recording that has no answer is never shown as done, and a run that is not over neither.
MOST_OF_A_RECORDING = 0.95
MOST_OF_A_RUN = 0.99
FIRST_SPEED = 30.0  # seconds of audio per second, on 2 CPU cores: docs/benchmark.md


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Parameters
    ----------
    done_s, total_s : float
        Seconds of audio; recordings of unknown length are in neither.
    fraction : float
        0 to 1; 1 only when all recordings have ended.
    guessed : bool
        Whether `done_s` holds a guess of what the server has done.
    left_s : float | None
        Seconds of time that are left, a guess; None where no length is known, and at the end.
    n_ended, n_recordings : int
        Recordings, failed ones too.
    n_bytes : int
        Handed to gRPC for sending so far, those that were sent again too.
    """

    done_s: float
    total_s: float
    fraction: float
    guessed: bool
    left_s: float | None
    n_ended: int
    n_recordings: int
    n_bytes: int


class Progress:
    """Follows the recordings of a run.

    Parameters
    ----------
    lengths_s : Mapping[str, float | None]
        Seconds of audio of every recording by id; None where its header does not tell.
    jobs : int
        How many are in flight at most.
    clock : Callable[[], float]
        Seconds that only go forward.
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

    def more(self, lengths_s: Mapping[str, float | None]) -> None:
        """Note that the run has more recordings."""
        self._lengths_s.update(lengths_s)

    def sent(self, recording_id: str, n_bytes: int) -> None:
        """Note that a recording is handed to gRPC, perhaps again."""
        self._sent_at_s[recording_id] = self._clock()
        self._n_bytes += n_bytes

    def answered(self, recording_id: str, audio_s: float | None) -> None:
        """Note an answer, and the length of the audio as the service told it."""
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

    def now(self) -> Standing:
        """Look where the run stands."""
        guesses_s = self._guesses_s()
        over = len(self._ended) == len(self._lengths_s)
        total_s = sum(length_s or 0.0 for length_s in self._lengths_s.values())
        ended_s = sum(self._lengths_s[name] or 0.0 for name in self._ended)
        self._most_done_s = max(self._most_done_s, ended_s + sum(guesses_s.values()))
        fraction = self._fraction(total_s, over)
        self._most_fraction = max(self._most_fraction, fraction)
        return Standing(
            done_s=self._most_done_s,
            total_s=total_s,
            fraction=self._most_fraction,
            guessed=self._most_done_s > ended_s,
            left_s=None if over else self._left_s(guesses_s),
            n_ended=len(self._ended),
            n_recordings=len(self._lengths_s),
            n_bytes=self._n_bytes,
        )

    def _fraction(self, total_s: float, over: bool) -> float:
        if over:
            return 1.0
        if total_s == 0:  # no length is known: recordings are all there is to count
            return len(self._ended) / len(self._lengths_s)
        return min(self._most_done_s / total_s, MOST_OF_A_RUN)

    @property
    def _speed(self) -> float:
        """Seconds of audio per second of waiting for one recording.

        Those in flight share the server, and that is in it.
        """
        if self._answered_s and self._waited_s:
            return self._answered_s / self._waited_s
        return FIRST_SPEED / max(len(self._sent_at_s), 1)

    def _guesses_s(self) -> dict[str, float]:
        """Seconds of audio that are done, of the recordings in flight."""
        now_s, speed = self._clock(), self._speed
        return {
            name: min(speed * (now_s - sent_at_s), MOST_OF_A_RECORDING * length_s)
            for name, sent_at_s in self._sent_at_s.items()
            if (length_s := self._lengths_s[name]) is not None
        }

    def _left_s(self, guesses_s: Mapping[str, float]) -> float | None:
        """As many at once as there may be; and the longest one alone takes its time."""
        known_s = [length_s for length_s in self._lengths_s.values() if length_s is not None]
        if not known_s:
            return None
        assumed_s = sum(known_s) / len(known_s)  # of those whose length nobody knows yet
        left_s = [
            (assumed_s if length_s is None else length_s) - guesses_s.get(name, 0.0)
            for name, length_s in self._lengths_s.items()
            if name not in self._ended
        ]
        speed = self._speed
        return max(sum(left_s) / (speed * self._jobs), max(left_s) / speed)


def progress_text(standing: Standing) -> str:
    """What stands beside the bar; `~` marks a guess."""
    parts = []
    if standing.total_s:
        mark = "~" if standing.guessed else ""
        parts.append(f"{mark}{hours(standing.done_s)} of {hours(standing.total_s)} audio")
    parts.append(f"{standing.n_ended}/{standing.n_recordings} done")
    if standing.left_s is not None:
        parts.append(f"~{hours(standing.left_s)} left")
    elif standing.n_ended < standing.n_recordings:
        parts.append("estimating")
    parts.append(f"{standing.n_bytes / 1e6:.1f} MB sent")
    return ", ".join(parts)
