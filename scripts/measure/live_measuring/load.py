"""How late answers come while many sessions speak at once."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np

from inputs.recordings import Recording
from live.session import Session
from live.sources import Pcm
from measure.kit.sending import Connection
from measure.live_measuring.streaming import Sound, session_at


@dataclass(frozen=True)
class LoadResult:
    """A number of sessions at once, in seconds."""

    n_sessions: int
    piece_s: float
    lags_s: Sequence[float]  # of every piece of every session
    results_s: Sequence[float]  # from the end of the audio to the result, by session

    def lag_s(self, percent: float) -> float:
        """Percentile of all lags."""
        return float(np.percentile(self.lags_s, percent))


def run_sessions(
    connection: Connection, sound: Sound, n_sessions: int, piece_s: float, latency_s: str
) -> LoadResult:
    """Let sessions speak at once, their pieces spread evenly over the time of one.

    Raises
    ------
    LiveError
        If one of them is refused.
    """
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(session_at(connection, recording, sound.rate_hz, latency_s))
            for recording in (Recording(f"session_{n}", Path()) for n in range(n_sessions))
        ]
        pool = stack.enter_context(ThreadPool(n_sessions))
        start_s = time.monotonic()
        starts_s = [start_s + piece_s * n / n_sessions for n in range(n_sessions)]
        pieces = sound.pieces(piece_s)
        found = pool.starmap(
            speak,
            [(session, pieces, piece_s, s) for session, s in zip(sessions, starts_s, strict=True)],
        )
    lags_s = [lag_s for own, _ in found for lag_s in own]
    return LoadResult(n_sessions, piece_s, lags_s, [result_s for _, result_s in found])


def speak(
    session: Session,
    pieces: Sequence[Pcm],
    piece_s: float,
    start_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[float], float]:
    """Send every piece when it is due: when its last sample has been spoken.

    A piece that is due before the one before it is answered is sent then, and its wait counts.

    Returns
    -------
    lags_s, result_s
        Seconds from when each piece was due to its answer, and those that the end took.
    """
    lags_s = []
    for number, piece in enumerate(pieces, start=1):
        due_s = start_s + number * piece_s
        sleep(max(due_s - clock(), 0.0))
        session.send(piece)
        lags_s.append(clock() - due_s)
    ended_s = clock()
    session.end()
    return lags_s, clock() - ended_s
