"""What `run` and `stream` count for Prometheus, beside Triton's own metrics.

Every instance of `run` is a process of its own; where they name the same counter, the server keeps
one and adds up. A rejected update, such as a negative amount, can abort the server, so names, kinds
and labels are fixed here and amounts are never negative.
"""

import ctypes
from collections.abc import Iterable, Mapping
from typing import Any

import triton_python_backend_utils as pb_utils

from .errors import REASONS, reason_of
from .measurements import STAGES_OF_MODE, Measurements
from .options import MODES
from .turns import Diarization

LabelSet = Mapping[str, str]

PREFIX = "diarization_"
NO_LABELS: LabelSet = {}


class Counter:
    """A counter of the server with one series for each set of labels, all 0 from the start.

    Parameters
    ----------
    name, description
        What Prometheus calls it, without the prefix, and its help text.
    labels
        Every set of labels there will ever be.
    """

    def __init__(
        self, name: str, description: str, labels: Iterable[LabelSet] = (NO_LABELS,)
    ) -> None:
        family = new_family(name, description, pb_utils.MetricFamily.COUNTER)
        self._series = {tuple(each.values()): family.Metric(labels=dict(each)) for each in labels}

    def add(self, amount: float, *values: str) -> None:
        """Add to the series with these values of the labels, in the order they were named in."""
        self._series[values].increment(amount)


class ServerMetrics:
    """The counters of `run`: of requests answered and of those that were not."""

    def __init__(self) -> None:
        modes = [{"mode": mode} for mode in MODES]
        stages = [
            {"mode": mode, "stage": stage} for mode, own in STAGES_OF_MODE.items() for stage in own
        ]
        reasons = [{"reason": reason} for reason in REASONS]
        self._answered = Counter("answered_requests_total", "Requests answered", modes)
        self._audio_s = Counter("audio_seconds_total", "Length of recordings answered", modes)
        self._windows = Counter("windows_total", "Windows embedded for answers", modes)
        self._speakers = Counter("speakers_total", "Speakers in answers", modes)
        self._stage_s = Counter("stage_seconds_total", "Time that answers took per stage", stages)
        self._failed = Counter("failed_requests_total", "Requests refused or failed", reasons)

    def count_answer(self, mode: str, found: Diarization, spent: Measurements) -> None:
        """Count a request that is answered."""
        self._answered.add(1, mode)
        self._audio_s.add(spent.audio_s, mode)
        self._windows.add(found.n_windows, mode)
        self._speakers.add(found.n_speakers, mode)
        stage_s = spent.stage_s
        for stage in STAGES_OF_MODE[mode]:
            self._stage_s.add(stage_s.get(stage, 0.0), mode, stage)

    def count_failure(self, error: Exception) -> None:
        """Count a request that gets this error."""
        self._failed.add(1, reason_of(error))


class LiveMetrics:
    """The metrics of `stream`."""

    def __init__(self) -> None:
        sessions = new_family("live_sessions", "Live sessions", pb_utils.MetricFamily.GAUGE)
        self._sessions = sessions.Metric(labels={})
        self._audio_s = Counter("live_audio_seconds_total", "Audio heard in live sessions")
        self._refused = Counter("live_refused_sessions_total", "Live sessions refused")
        self._idle = Counter("live_idle_sessions_total", "Live sessions removed since idle")

    def report(self, n_sessions: int, audio_s: float, n_refused: int, n_idle: int) -> None:
        """Report the sessions there are, and what has happened since the last report."""
        self._sessions.set(n_sessions)
        self._audio_s.add(audio_s)
        self._refused.add(n_refused)
        self._idle.add(n_idle)


def new_family(name: str, description: str, kind: Any) -> Any:  # noqa: ANN401 - the server's types exist only inside it
    """Family of metrics of the server, under its name without the prefix."""
    family = pb_utils.MetricFamily(name=PREFIX + name, description=description, kind=kind)
    keep_forever(family)
    return family


def keep_forever(family: object) -> None:
    """Never release a family of metrics, not even when this process ends.

    When the first instance releases the counter that all share, the server drops it; the others go
    on counting in freed memory until the server aborts (triton-inference-server/server#8663). A
    process that releases it in `finalize` hangs; one that still holds it at exit crashes (#8662).
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(family))
