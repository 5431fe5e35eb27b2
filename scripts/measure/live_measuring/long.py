"""What a session of hours costs as it grows."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import soundfile

from console.options import LIVE_MODEL
from console.run_report import log
from formats.result import speakers_of
from inputs.recordings import Recording
from live.session import Event
from measure.benchmarking.memory import pss_bytes
from measure.kit.sending import Connection
from measure.live_measuring.accuracy import answers_of_run
from measure.live_measuring.streaming import Sound, session_at
from measure.live_measuring.turns import n_relabels, relabelled
from server.processes import stubs

HOUR_S = 3600


@dataclass(frozen=True)
class Hour:
    """An hour of a session; the last may be shorter.

    Attributes
    ----------
    answers_s
        Seconds from each piece to its answer.
    memory_bytes
        Of the process of `stream` at its end; 0 on a server of another program.
    n_relabels, n_speakers
        Relabels in the hour, and speakers with a turn so far.
    """

    audio_s: float
    answers_s: Sequence[float]
    memory_bytes: int
    n_relabels: int
    n_speakers: int


@dataclass(frozen=True)
class LongResult:
    """A session of hours, the seconds from its end to its result, and whether that is `run`'s."""

    hours: Sequence[Hour]
    result_s: float
    as_run: bool


def stream_long(
    to_stream: Connection, to_run: Connection, sound: Sound, piece_s: float, latency_s: str
) -> LongResult:
    """Stream audio, each piece when the one before is answered, and send it to `run`.

    Raises
    ------
    LiveError
        If the server refuses it or gives no result.
    """
    with tempfile.TemporaryDirectory(prefix="long-") as folder:
        recording = Recording("long", Path(folder) / "long.wav")
        soundfile.write(recording.path, sound.samples, sound.rate_hz)
        hours: list[Hour] = []
        events: list[Event] = []
        with session_at(to_stream, recording, sound.rate_hz, latency_s) as session:
            for audio in sound.pieces(HOUR_S):
                part, n_before, answers_s = Sound(audio, sound.rate_hz), len(events), []
                for piece in part.pieces(piece_s):
                    began_s = time.monotonic()
                    events += session.send(piece)
                    answers_s.append(time.monotonic() - began_s)
                n_found = n_relabels(events[n_before:], 0.0)
                n_speakers = len(speakers_of(relabelled(events)))
                hours.append(Hour(part.length_s, answers_s, live_bytes(), n_found, n_speakers))
                log.info("hour %d: %.3f s a piece", len(hours), median(answers_s))
            began_s = time.monotonic()
            rttm = session.result_in(session.end())["rttm"]
            result_s = time.monotonic() - began_s
        expected = answers_of_run([recording], to_run)[recording.recording_id]
    return LongResult(hours, result_s, rttm.encode() == expected)


def live_bytes() -> int:
    """Memory of the processes of `stream` below this one."""
    return pss_bytes(pid for pid, model in stubs(os.getpid()).items() if model == LIVE_MODEL)
