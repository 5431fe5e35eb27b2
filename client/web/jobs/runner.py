"""The queue of jobs, the workers that send them to Triton, and estimates of when they are done."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from formats import TOKENS
from formats.answer_texts import needed_outputs
from formats.result import FormatError
from inputs.audio_files import AudioError, encoded_bytes, needs_channels
from inputs.recordings import Recording
from sending.in_flight import CancelledError, Deliver, Retries, diarize_all
from sending.outcome import Failure, Outcome
from sending.service import Service
from web.http.problems import ProblemError, problem_of_exception
from web.jobs.store import Job, JobStore, State
from web.settings import Settings

log = logging.getLogger("diarization_web")

OUTPUTS = needed_outputs(TOKENS)
STOP_WITHIN_S = 10.0

# Two CPU cores diarize half a minute of audio per second, see docs/benchmark.md; the jobs that run
# here soon count more.
FIRST_GUESS = 1 / 30  # seconds of work per second of audio
OVERHEAD_S = 0.5  # of a job, however short
_NEWEST_SHARE = 0.3


class Runner:
    """Sends jobs to Triton in order of arrival, with a limited number of workers."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self._waiting: deque[Job] = deque()
        self._working: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(settings.n_workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Cancel a job, in Triton too; does nothing if it has ended."""
        job.cancelled.set()
        with self._changed:
            waits = job in self._waiting
            if waits:
                self._waiting.remove(job)
        if waits:
            self._store.end(job, State.CANCELLED)

    def stop(self) -> None:
        """Cancel all calls; the jobs stay queued on disk for the next gateway."""
        with self._changed:
            self._stopping = True
            self._waiting.clear()
            for job in self._working.values():
                job.cancelled.set()
            self._changed.notify_all()
        deadline = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def position(self, job: Job) -> int | None:
        """Return the place in the queue, 1 for the next; None if the job does not wait."""
        with self._changed:
            return self._waiting.index(job) + 1 if job in self._waiting else None

    def ahead_of(self, job: Job) -> list[Job]:
        """Return the jobs that run, and those that wait before this one."""
        with self._changed:
            waiting = list(self._waiting)
            before = waiting[: waiting.index(job)] if job in waiting else []
            return [*self._working.values(), *before]

    @property
    def n_waiting(self) -> int:
        """Number of jobs in the queue."""
        return len(self._waiting)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._run(job)
            except Exception as error:
                log.exception("job %s", job.recording_id)
                self._store.end(job, State.FAILED, problem_of_exception(error))
            with self._changed:
                self._working.pop(job.id, None)

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            job = self._waiting.popleft()
            self._working[job.id] = job
            return job

    def _run(self, job: Job) -> None:
        self._store.begin(job)
        try:
            outcome = self._send(job)
        except CancelledError:
            if self._stopping:
                self._store.requeue(job)
            else:
                self._store.end(job, State.CANCELLED)
            return
        if isinstance(outcome, Failure):
            self._store.end(job, State.FAILED, self._problem(job, outcome))
            return
        try:
            self._store.done(job, outcome)
        except FormatError as error:
            self._store.end(job, State.FAILED, ProblemError(502, str(error)))

    def _send(self, job: Job) -> Outcome:
        """Send a job as the client sends a recording; CancelledError once it is cancelled.

        Closing the connection, as at the end of the block, cancels the call in Triton.
        """
        settings = self._settings
        target = (settings.url, settings.model_name, settings.timeout_s, job.options)
        recording = Recording(job.recording_id, self._store.audio(job))
        with Service(*target, settings.access, OUTPUTS) as service:
            tracked = _TrackedService(service, job)
            retries = Retries(settings.retry_for_s)
            (outcome,) = diarize_all(
                tracked, [recording], tracked.load, 1, job.cancelled.is_set, retries
            )
        if isinstance(outcome, Failure) and tracked.unreadable:
            return replace(outcome, refused=True)
        return outcome

    def _problem(self, job: Job, failure: Failure) -> ProblemError:
        """Describe why a job failed, without the path of its file, which contains its id."""
        reason = failure.reason.replace(str(self._store.audio(job)), "the file")
        log.warning("job %s failed: %s", job.recording_id, reason)
        if failure.refused:
            return ProblemError(422, reason)
        return ProblemError(503 if failure.transient else 502, reason)


class _TrackedService:
    """A service that updates the state of the job it sends."""

    def __init__(self, service: Service, job: Job) -> None:
        self._service = service
        self._job = job
        self.unreadable = False

    def load(self, recording: Recording) -> bytes:
        self._job.state = State.UPLOADING
        try:
            keep_channels = needs_channels(self._job.options)
            return encoded_bytes(
                recording.path, keep_channels=keep_channels, stopped=self._job.cancelled.is_set
            )
        except AudioError:
            self.unreadable = True
            raise

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        self._service.send(recording, audio, deliver)
        self._job.state, self._job.sent_bytes = State.RUNNING, len(audio)


class Pace:
    """Seconds of work per second of audio, a moving average over recent jobs."""

    def __init__(self) -> None:
        self._pace = FIRST_GUESS
        self._lock = threading.Lock()

    def learn(self, audio_s: float | None, work_s: float) -> None:
        """Take a job into account that was answered."""
        if not audio_s or work_s < 0:
            return
        seen = max(work_s - OVERHEAD_S, 0.0) / audio_s
        with self._lock:
            self._pace += _NEWEST_SHARE * (seen - self._pace)

    def work_s(self, audio_s: float) -> float:
        """Estimate the work on a recording of this length, in seconds."""
        return OVERHEAD_S + self._pace * audio_s

    def left_s(self, job: Job, now_s: float) -> float:
        """Estimate the work on a job that is left, in seconds."""
        elapsed_s = 0.0 if job.started_s is None else now_s - job.started_s
        return max(self.work_s(job.audio_s or 0.0) - elapsed_s, 0.0)

    def remaining_s(self, job: Job, now_s: float, ahead: Sequence[Job], n_workers: int) -> float:
        """Estimate the seconds until a job is done, with these jobs ahead of it in the queue."""
        if job.started_s is not None:
            return self.left_s(job, now_s)
        ahead_s = sum(self.left_s(each, now_s) for each in ahead)
        return ahead_s / n_workers + self.left_s(job, now_s)
