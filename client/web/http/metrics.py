"""Prometheus metrics of the gateway; Triton has its own."""

from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from web.jobs.store import ENDED, Job, JobStore, State

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800)
_JOB_BUCKETS_S = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The metrics in a registry of their own; gauges read the store whenever they are read."""

    def __init__(self, store: JobStore) -> None:
        self._registry = CollectorRegistry()
        common: dict[str, Any] = {"namespace": "diarization_web", "registry": self._registry}
        self._requests = Counter(
            "requests", "Requests answered.", ("method", "route", "status"), **common
        )
        self._request_s = Histogram(
            "request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=_REQUEST_BUCKETS_S,
            **common,
        )
        self._upload_bytes = Counter("upload_bytes", "Bytes of uploaded files.", **common)
        self._ended = Counter("jobs_ended", "Jobs that ended.", ("state",), **common)
        self._audio_s = Counter("audio_seconds", "Seconds of audio diarized.", **common)
        self.streams = Gauge("streams", "Live streams that are open.", **common)
        self._job_s = Histogram(
            "job_seconds",
            "Seconds that a job waited (queue) and was worked on (work).",
            ("part",),
            buckets=_JOB_BUCKETS_S,
            **common,
        )
        for state in ENDED:
            self._ended.labels(str(state))
        jobs = Gauge("jobs", "Jobs kept, by state; queued ones wait.", ("state",), **common)
        for state in State:
            jobs.labels(str(state)).set_function(partial(_count, store, state))
        stored = Gauge("stored_bytes", "Bytes of recordings on disk.", **common)
        stored.set_function(store.stored_bytes)

    def request(self, method: str, route: str, status: int, elapsed_s: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(method, route).observe(elapsed_s)

    def upload(self, n_bytes: int) -> None:
        """Count an uploaded file."""
        self._upload_bytes.inc(n_bytes)

    def job(self, job: Job) -> None:
        """Count a job that ended."""
        self._ended.labels(str(job.state)).inc()
        if job.started_s is not None:
            self._job_s.labels("queue").observe(max(job.started_s - job.created_s, 0))
            self._job_s.labels("work").observe(job.work_s)
        if job.state == State.DONE:
            self._audio_s.inc(job.audio_s or 0)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


def _count(store: JobStore, state: State) -> int:
    return store.counts().get(state, 0)
