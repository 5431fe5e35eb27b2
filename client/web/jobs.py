"""A job: one recording on its way from upload to result, and what of it is kept on disk."""

import secrets
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from web.problems import ProblemDocument

ID_BYTES = 32  # the id is the only key to a job: nobody can guess 256 random bits

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


@dataclass
class Job:
    """One recording.

    Parameters
    ----------
    id : str
        Unguessable; whoever knows it may do everything with the job.
    recording_id : str
        Its name in the results.
    options : Options
        Request parameters for Triton, beside the recording id.
    n_bytes : int
        Size of the upload.
    audio_s : float | None
        Length, where the file tells it, or Triton has.
    media_type : str
        What the content is, whatever the client called it.
    created_s : float
        Time of the upload, seconds since the epoch.
    transient : bool
        Whether only the request that brought it waits for it.
    """

    id: str
    recording_id: str
    options: Options
    n_bytes: int
    audio_s: float | None
    media_type: str
    created_s: float
    transient: bool = False
    state: State = State.QUEUED
    started_s: float | None = None
    ended_s: float | None = None
    touched_s: float | None = None  # when a person last corrected it
    problem: dict[str, Any] | None = None
    n_starts: int = 0
    corrected: bool = False
    sent_bytes: int = 0
    cancelling: threading.Event = field(default_factory=threading.Event)
    ended: "Future[None]" = field(default_factory=Future)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def work_s(self) -> float:
        """Seconds that it was worked on, once it has ended; 0 where it never was."""
        if self.started_s is None or self.ended_s is None:
            return 0.0
        return max(self.ended_s - self.started_s, 0.0)

    def begin(self, now_s: float) -> None:
        """Take it out of the queue."""
        self.state, self.started_s = State.UPLOADING, now_s
        self.n_starts += 1

    def end(self, state: State, now_s: float, problem: dict[str, Any] | None = None) -> None:
        """Note how it ended; whoever waits must be told by `announce`, once that is on disk."""
        self.state, self.ended_s, self.problem = state, now_s, problem

    def announce(self) -> None:
        """Wake up whoever waits for the end."""
        if not self.ended.done():
            self.ended.set_result(None)


class _Record(BaseModel):
    """What is kept of a job."""

    model_config = ConfigDict(from_attributes=True, allow_inf_nan=False)

    id: str
    recording_id: str
    options: Options
    n_bytes: int = Field(ge=0)
    audio_s: float | None
    media_type: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    created_s: _Time
    transient: bool
    state: State
    started_s: _Time | None
    ended_s: _Time | None
    touched_s: _Time | None
    problem: ProblemDocument | None
    n_starts: int
    corrected: bool

    @model_validator(mode="after")
    def _whole(self) -> "_Record":
        if (self.state in ENDED) != (self.ended_s is not None):
            raise ValueError("expected a time of the end where there is one")
        return self


def new_id() -> str:
    """Make an id of 43 letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(ID_BYTES)


def as_record(job: Job) -> bytes:
    """What is kept of a job."""
    return _Record.model_validate(job).model_dump_json().encode()


def from_record(record: bytes) -> Job:
    """Read a job as it was kept; ValueError where it is none.

    One that had not ended waits again.
    """
    job = Job(**_Record.model_validate_json(record).model_dump())
    if job.has_ended:
        job.announce()
    else:
        job.state, job.started_s = State.QUEUED, None
    return job
