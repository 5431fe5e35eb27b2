"""The jobs' way through Triton: a queue, and a few threads that send and wait."""

import logging
import threading
import time
from collections import deque
from dataclasses import replace

from formats import TOKENS
from formats.answer_texts import needed_outputs
from formats.result import FormatError
from inputs.audio_files import AudioError, encoded_bytes, needs_channels
from inputs.recordings import Recording
from sending.in_flight import Deliver, Retries, diarize_all
from sending.outcome import Failure, Outcome
from sending.service import Service
from web.jobs import Job, State
from web.problems import ProblemError, unexpected
from web.settings import Settings
from web.store import JobStore

log = logging.getLogger("diarization_web")

OUTPUTS = needed_outputs(TOKENS)
STOP_WITHIN_S = 10.0


class Runner:
    """Sends jobs to Triton, at most so many at a time, in order of arrival.

    Parameters
    ----------
    settings : Settings
        Where Triton is, and how patient to be with it.
    store : JobStore
        Keeps what comes of the jobs.
    """

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self._waiting: deque[Job] = deque()
        self._working: dict[str, Job] = {}
        self._news = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(settings.n_at_once)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Let a job wait for its turn."""
        with self._news:
            self._waiting.append(job)
            self._news.notify()

    def cancel(self, job: Job) -> None:
        """End a job that waits, or break off the call to Triton; nothing for one that has ended."""
        job.cancelling.set()
        with self._news:
            waits = job in self._waiting
            if waits:
                self._waiting.remove(job)
        if waits:
            self._store.end(job, State.CANCELLED)

    def stop(self) -> None:
        """Break off all calls; the jobs wait, on disk, for the next gateway."""
        with self._news:
            self._stopping = True
            self._waiting.clear()
            for job in self._working.values():
                job.cancelling.set()
            self._news.notify_all()
        deadline = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def position(self, job: Job) -> int | None:
        """Place in the queue, 1 for the next; None where it does not wait."""
        with self._news:
            return self._waiting.index(job) + 1 if job in self._waiting else None

    def before(self, job: Job) -> tuple[list[Job], list[Job]]:
        """Jobs that are worked on, and those that wait in front of this one."""
        with self._news:
            waiting = list(self._waiting)
            ahead = waiting[: waiting.index(job)] if job in waiting else []
            return list(self._working.values()), ahead

    @property
    def n_waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._run_safely(job)
            with self._news:
                self._working.pop(job.id, None)

    def _run_safely(self, job: Job) -> None:
        try:
            self._run(job)
        except Exception as error:
            log.exception("job %s", job.recording_id)
            self._store.end(job, State.FAILED, unexpected(error))

    def _next(self) -> Job | None:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            job = self._waiting.popleft()
            self._working[job.id] = job
            return job

    def _run(self, job: Job) -> None:
        self._store.begin(job)
        try:
            outcome = self._outcome(job)
        except KeyboardInterrupt:  # how diarize_all says that it obeyed
            if self._stopping:
                self._store.put_back(job)
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

    def _outcome(self, job: Job) -> Outcome:
        """Send a job as the client sends a recording.

        Closing the connection, as at the end of the block, cancels what is under way in Triton.
        """
        settings = self._settings
        asking = (settings.url, settings.model_name, settings.timeout_s, job.options)
        recording = Recording(job.recording_id, self._store.audio(job))

        with Service(*asking, settings.access, OUTPUTS) as service:
            sending = _Sending(service, job)
            retries = Retries(settings.retry_for_s)
            (outcome,) = diarize_all(
                sending, [recording], sending.load, 1, job.cancelling.is_set, retries
            )
        if isinstance(outcome, Failure) and sending.unreadable:
            return replace(outcome, refused=True)
        return outcome

    def _problem(self, job: Job, failure: Failure) -> ProblemError:
        """Say why a job failed, without the place of its file, in which its id is."""
        reason = failure.reason.replace(str(self._store.audio(job)), "the file")
        log.warning("job %s failed: %s", job.recording_id, reason)
        if failure.refused:
            return ProblemError(422, reason)
        return ProblemError(503 if failure.may_pass else 502, reason)


class _Sending:
    """A service that notes when a job is on its way."""

    def __init__(self, service: Service, job: Job) -> None:
        self._service = service
        self._job = job
        self.unreadable = False

    def load(self, recording: Recording) -> bytes:
        self._job.state = State.UPLOADING
        try:
            keep_channels = needs_channels(self._job.options)
            return encoded_bytes(
                recording.path, keep_channels=keep_channels, stopped=self._job.cancelling.is_set
            )
        except AudioError:
            self.unreadable = True
            raise

    def send(self, recording: Recording, audio: bytes, deliver: Deliver) -> None:
        self._service.send(recording, audio, deliver)
        self._job.state, self._job.sent_bytes = State.RUNNING, len(audio)
