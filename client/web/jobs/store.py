"""Jobs: one recording each, from upload to result; in memory, and on disk to survive a restart."""

import contextlib
import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from formats.result import Result
from inputs.recordings import Recording
from sending.outcome import Answer
from web.http.problems import ProblemDocument, ProblemError, no_such_job
from web.jobs.live_files import HEADER_BYTES, LiveFiles
from web.jobs.results import StoredResult, encode_answer, encode_correction
from web.jobs.work_folder import ANSWER, AUDIO, CORRECTION, RECORD, WorkFolder

log = logging.getLogger("diarization_web")

ID_BYTES = 32  # the id is the only key to a job: 256 random bits cannot be guessed
MAX_STARTS = 3  # of one job: it may be what crashes the gateway

Options = dict[str, int | str | bool]
_Time = Annotated[float, Field(ge=0, le=1e11)]  # seconds since the epoch, to the year 5138


class State(StrEnum):
    """Where a job is; `uploading` is the gateway's upload to Triton."""

    QUEUED = "queued"
    UPLOADING = "uploading"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


def new_id() -> str:
    """Make an id of 43 letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(ID_BYTES)


class Job(BaseModel):
    """One recording; its record on disk is its JSON."""

    model_config = ConfigDict(allow_inf_nan=False)

    id: str = Field(default_factory=new_id)  # secret: with it a client may do everything
    recording_id: str  # its name in the results
    options: Options  # request parameters for Triton, beside the recording id
    n_bytes: int = Field(ge=0)  # of the upload
    audio_s: float | None  # its length, if the file or Triton has reported it
    media_type: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")  # judged by the content
    created_s: _Time
    transient: bool = False  # whether it ends with the request that uploaded it
    state: State = State.QUEUED
    started_s: _Time | None = None
    ended_s: _Time | None = None
    touched_s: _Time | None = None  # time of the last correction
    problem: ProblemDocument | None = None
    n_starts: int = 0
    corrected: bool = False
    sent_bytes: int = Field(default=0, exclude=True)
    _cancelled: threading.Event = PrivateAttr(default_factory=threading.Event)
    _ended: "Future[None]" = PrivateAttr(default_factory=Future)

    @model_validator(mode="after")
    def _check_end(self) -> "Job":
        if self.has_ended != (self.ended_s is not None):
            raise ValueError("expected an end time if and only if the job has ended")
        return self

    @property
    def cancelled(self) -> threading.Event:
        """Set to stop the work on it."""
        return self._cancelled

    @property
    def ended(self) -> "Future[None]":
        """Done once its end is on disk."""
        return self._ended

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def work_s(self) -> float:
        """Seconds that it was worked on, once it has ended; 0 if it never was."""
        if self.started_s is None or self.ended_s is None:
            return 0.0
        return max(self.ended_s - self.started_s, 0.0)


class JobStore:
    """Jobs by id; thread-safe.

    A job is kept for `keep_s` after its end or its last correction, by `clock`, seconds since the
    epoch. So is the audio of a live session that is kept, from when it last grew.
    """

    def __init__(
        self, folder: WorkFolder, keep_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._keep_s = keep_s
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self.live = LiveFiles(folder)
        self.on_end: Callable[[Job], None] = lambda _: None

    def load(self) -> list[Job]:
        """Read the jobs of an earlier gateway; return those that wait again, oldest first.

        A transient job is removed: its request is gone.
        """
        waiting = []
        for job_id, record in self._folder.records():
            job = _read_job(job_id, record)
            if job is None or job.transient:
                self._folder.remove(job_id)
                continue
            self._jobs[job.id] = job
            if not job.has_ended and not self._give_up(job):
                waiting.append(job)
        self.expire()
        return sorted(waiting, key=lambda job: job.created_s)

    def _give_up(self, job: Job) -> bool:
        if job.n_starts < MAX_STARTS and self.audio(job).is_file():
            return False
        lost = ProblemError(500, "the gateway ended while it worked on this, more than once")
        self.end(job, State.FAILED, lost)
        return True

    def add(self, job: Job, upload: Path) -> None:
        """Add a job, and move its upload to its folder."""
        try:
            self._folder.take(job.id, upload)
            self._folder.write(job.id, RECORD, job.model_dump_json().encode())
        except OSError:
            self._folder.remove(job.id)
            raise
        with self._lock:
            self._jobs[job.id] = job

    def find(self, job_id: str) -> Job:
        """Look a job up; ProblemError 404 if there is none, or none any more."""
        self.expire()
        job = self._jobs.get(job_id)
        if job is None:
            raise no_such_job()
        return job

    def audio(self, job: Job) -> Path:
        """Return the path of the upload."""
        return self._folder.path(job.id, AUDIO)

    def begin(self, job: Job) -> None:
        """Note that a worker has taken the job."""
        job.state, job.started_s = State.UPLOADING, self._clock()
        job.n_starts += 1
        self._save(job)

    def requeue(self, job: Job) -> None:
        """Queue a job again, as if it had never begun."""
        job.state, job.started_s = State.QUEUED, None
        job.n_starts -= 1
        self._save(job)

    def done(self, job: Job, answer: Answer) -> None:
        """Store an answer, and end the job with it."""
        job.audio_s = answer.audio_s if answer.audio_s is not None else job.audio_s
        with self._lock:
            if job.id in self._jobs:
                self._folder.write(job.id, ANSWER, encode_answer(answer))
        self.end(job, State.DONE)

    def end_live(self, session: str, n_samples: int, result: Mapping[str, Any]) -> None:
        """Make a job of a live session and its event `result`, once; not if it was removed.

        Raises
        ------
        FormatError, KeyError
            If the result cannot be read.
        """
        with self._lock, contextlib.suppress(FileNotFoundError):
            job = _read_job(session, self.live.record(session))
            if job is None:
                return
            recording = Recording(job.recording_id, self.audio(job))
            rttm, confidences = result["rttm"].encode(), result["confidences"]
            answer = Answer(recording, rttm, result["info"], 0.0, confidences)
            job.n_bytes, job.audio_s = HEADER_BYTES + 2 * n_samples, answer.audio_s
            job.state, job.ended_s = State.DONE, self._clock()
            record = job.model_dump_json().encode()
            files = {ANSWER: encode_answer(answer), RECORD: record}
            self.live.hand_over(session, n_samples, files)
            self._jobs[session] = job
            self._announce_end(job)

    def end(self, job: Job, state: State, problem: ProblemError | None = None) -> None:
        """End a job and wake up its request, even if the disk is full."""
        with self._lock:
            job.state, job.ended_s = state, self._clock()
            job.problem = None if problem is None else problem.document
            try:
                self._save(job)
            except OSError:  # the next gateway runs it again
                log.exception("cannot store how job %s ended", job.recording_id)
        self._announce_end(job)

    def _announce_end(self, job: Job) -> None:
        self.on_end(job)
        if not job.ended.done():
            job.ended.set_result(None)

    def result(self, job: Job) -> StoredResult:
        """Read the answer of a job that is done, and its correction."""
        answer = self._folder.read(job.id, ANSWER) or b""
        if job.id not in self._jobs:
            raise no_such_job()
        return StoredResult(job.recording_id, answer, self._folder.read(job.id, CORRECTION))

    def correct(self, job: Job, result: Result | None) -> None:
        """Store corrected turns; None discards them. The job's time to live starts anew."""
        with self._lock:
            if job.id not in self._jobs:
                raise no_such_job()
            if result is None:
                self._folder.path(job.id, CORRECTION).unlink(missing_ok=True)
            else:
                self._folder.write(job.id, CORRECTION, encode_correction(result))
            job.corrected, job.touched_s = result is not None, self._clock()
            self._save(job)

    def remove(self, job: Job) -> None:
        """Remove a job and all its files."""
        with self._lock:
            self._jobs.pop(job.id, None)
            self._folder.remove(job.id)

    def expires_s(self, job: Job) -> float | None:
        """Return when it expires, in seconds since the epoch; None while it is worked on."""
        if job.ended_s is None:
            return None
        return max(job.ended_s, job.touched_s or 0.0) + self._keep_s

    def expire(self) -> None:
        """Remove the jobs that have expired."""
        now_s = self._clock()
        for job in list(self._jobs.values()):
            end_s = self.expires_s(job)
            if end_s is not None and end_s <= now_s:
                self.remove(job)
        self.live.remove_older(now_s - self._keep_s)

    def counts(self) -> Mapping[State, int]:
        """Count the jobs in each state."""
        return Counter(job.state for job in list(self._jobs.values()))

    def stored_bytes(self) -> int:
        """Count the bytes of recordings on disk, and of the sound made of them for players."""
        jobs = list(self._jobs.values())
        in_jobs = sum(job.n_bytes + self._folder.sound_bytes(job.id) for job in jobs)
        return in_jobs + self.live.n_bytes

    def close(self) -> None:
        """Release the folder."""
        self._folder.close()

    def _save(self, job: Job) -> None:
        with self._lock:
            if job.id in self._jobs:  # else it has been removed
                self._folder.write(job.id, RECORD, job.model_dump_json().encode())


def _read_job(job_id: str, record: bytes) -> Job | None:
    """Read a job; one that has not ended is queued again. None if its record is damaged."""
    with contextlib.suppress(ValueError):
        job = Job.model_validate_json(record)
        if job.id == job_id:
            if job.has_ended:
                job.ended.set_result(None)
            else:
                job.state, job.started_s = State.QUEUED, None
            return job
    log.warning("a job is removed: its record is missing or damaged")
    return None
