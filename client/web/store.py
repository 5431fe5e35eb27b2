"""All jobs there are: in memory to be looked up, on disk to outlive the gateway."""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from formats.result import Result
from sending.outcome import Answer
from web.exports import Kept, kept_answer, kept_correction
from web.jobs import Job, Options, State, as_record, from_record, new_id
from web.problems import ProblemError, problem_body
from web.work_folder import WorkFolder

log = logging.getLogger("diarization_web")

MOST_STARTS = 3  # of one job: a gateway that ends with it each time must not do so for ever


@dataclass(frozen=True)
class Arrived:
    """An upload that is on disk, and what is known of it."""

    path: Path
    n_bytes: int
    audio_s: float | None
    media_type: str
    recording_id: str
    options: Options
    transient: bool


class JobStore:
    """Jobs by id; safe to be used by several threads.

    Parameters
    ----------
    folder : WorkFolder
        Where they are kept.
    keep_s : float
        Seconds that a job is kept after it ended, or was last corrected.
    clock : Callable[[], float]
        Seconds since the epoch.
    """

    def __init__(
        self, folder: WorkFolder, keep_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._keep_s = keep_s
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self.on_end: Callable[[Job], None] = lambda _: None  # is told of every job that ends
        self._lock = threading.RLock()

    def load(self) -> list[Job]:
        """Read what an earlier gateway left; the jobs that wait again, oldest first.

        A job that nobody can ask for, since only its own request knew it, is removed.
        """
        waiting = []
        for job_id, record in self._folder.records():
            job = _readable(job_id, record)
            if job is None or job.transient:
                self._folder.remove(job_id)
                continue
            self._jobs[job.id] = job
            if not job.has_ended and not self._given_up(job):
                waiting.append(job)
        self.expire()
        return sorted(waiting, key=lambda job: job.created_s)

    def _given_up(self, job: Job) -> bool:
        if job.n_starts < MOST_STARTS and self.audio(job).is_file():
            return False
        lost = ProblemError(500, "the gateway ended while it worked on this, more than once")
        self.end(job, State.FAILED, lost)
        return True

    def add(self, arrived: Arrived) -> Job:
        """Make a job of an upload; its file is the job's from now on."""
        job = Job(
            new_id(),
            arrived.recording_id,
            dict(arrived.options),
            arrived.n_bytes,
            arrived.audio_s,
            arrived.media_type,
            self._clock(),
            arrived.transient,
        )
        try:
            self._folder.take(job.id, arrived.path)
            self._folder.write_record(job.id, as_record(job))
        except OSError:
            self._folder.remove(job.id)
            raise
        with self._lock:
            self._jobs[job.id] = job
        return job

    def find(self, job_id: str) -> Job:
        """Look a job up; ProblemError 404 where there is none, or none any more."""
        self.expire()
        job = self._jobs.get(job_id)
        if job is None:
            raise _no_such_job()
        return job

    def audio(self, job: Job) -> Path:
        """Where the upload is."""
        return self._folder.audio(job.id)

    def begin(self, job: Job) -> None:
        """Note that it is worked on."""
        job.begin(self._clock())
        self._save(job)

    def put_back(self, job: Job) -> None:
        """Let it wait again, as if it had never been begun."""
        job.state, job.started_s = State.QUEUED, None
        job.n_starts -= 1
        self._save(job)

    def done(self, job: Job, answer: Answer) -> None:
        """Keep an answer, and end the job with it."""
        job.audio_s = answer.audio_s if answer.audio_s is not None else job.audio_s
        with self._lock:
            if job.id in self._jobs:
                self._folder.write_answer(job.id, kept_answer(answer))
        self.end(job, State.DONE)

    def end(self, job: Job, state: State, problem: ProblemError | None = None) -> None:
        """End a job, and wake up who waits for it, on a disk that is full too."""
        with self._lock:
            job.end(state, self._clock(), None if problem is None else problem_body(problem))
            try:
                self._save(job)
            except OSError:  # the next gateway does it again
                log.exception("cannot keep how job %s ended", job.recording_id)
        self.on_end(job)
        job.announce()

    def kept(self, job: Job) -> Kept:
        """Read the answer of a job that is done, corrected or not."""
        answer = self._folder.read_answer(job.id)
        if job.id not in self._jobs:
            raise _no_such_job()
        return Kept(job.recording_id, answer, self._folder.read_correction(job.id))

    def correct(self, job: Job, result: Result | None) -> None:
        """Keep what a person made of the answer; None goes back to it.

        Whoever works on a job has its whole time again from then on.
        """
        with self._lock:
            if job.id not in self._jobs:
                raise _no_such_job()
            correction = None if result is None else kept_correction(result)
            self._folder.write_correction(job.id, correction)
            job.corrected, job.touched_s = result is not None, self._clock()
            self._save(job)

    def forget(self, job: Job) -> None:
        """Remove a job and all its files."""
        with self._lock:
            self._jobs.pop(job.id, None)
            self._folder.remove(job.id)

    def expires_s(self, job: Job) -> float | None:
        """When it will be removed, seconds since the epoch; None while it is worked on."""
        if job.ended_s is None:
            return None
        return max(job.ended_s, job.touched_s or 0.0) + self._keep_s

    def expire(self) -> None:
        """Remove the jobs whose time is over."""
        now_s = self._clock()
        for job in list(self._jobs.values()):
            end_s = self.expires_s(job)
            if end_s is not None and end_s <= now_s:
                self.forget(job)

    def counts(self) -> Mapping[State, int]:
        """How many jobs are in each state."""
        return Counter(job.state for job in list(self._jobs.values()))

    def stored_bytes(self) -> int:
        """Bytes of uploads on disk, and of what was made of them for players."""
        jobs = list(self._jobs.values())
        return sum(job.n_bytes + self._folder.sound_bytes(job.id) for job in jobs)

    def close(self) -> None:
        """Let another gateway use the folder."""
        self._folder.close()

    def _save(self, job: Job) -> None:
        with self._lock:
            if job.id in self._jobs:  # else it was removed meanwhile
                self._folder.write_record(job.id, as_record(job))


def _readable(job_id: str, record: bytes) -> Job | None:
    with contextlib.suppress(ValueError):
        job = from_record(record)
        if job.id == job_id:
            return job
    log.warning("a job is removed: its record is missing or damaged")
    return None


def _no_such_job() -> ProblemError:
    return ProblemError(404, "no such job: its id is wrong, or it was removed or expired")
