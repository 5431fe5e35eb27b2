"""What requests and answers look like, for FastAPI and for the OpenAPI document."""

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from inputs.recordings import id_problem
from web.gateway import Gateway
from web.jobs import Job, State
from web.problems import ProblemDocument

MOST_SPEAKERS = 100  # as `run` has it
_PARTS = ("result", "view", "turns", "audio", "sound", "report")


def _recording_id(text: str) -> str:
    if problem := id_problem(text):
        raise ValueError(problem)
    return text


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


class DiarizeOptions(BaseModel):
    """Fields of the form beside the file; an empty one counts as not given."""

    model_config = ConfigDict(extra="forbid")

    recording_id: Annotated[str, AfterValidator(_recording_id)] | None = Field(
        default=None,
        description="Name in the results, without white space, control character, direction mark, "
        "zero-width space or `/`, of at most 250 bytes; by default made of the file's name.",
        json_schema_extra={
            "pattern": "^[^\\s/\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e"
            "\\u2060\\u2066-\\u2069\\ufeff]*$"
        },
    )
    mode: Literal["full", "classic"] | None = None
    exclusive: Annotated[bool | None, BeforeValidator(_yes_or_no)] = Field(
        default=None, description="At most one speaker at a time."
    )
    num_speakers: int | None = Field(default=None, ge=1, le=MOST_SPEAKERS)
    min_speakers: int | None = Field(default=None, ge=1, le=MOST_SPEAKERS)
    max_speakers: int | None = Field(default=None, ge=1, le=MOST_SPEAKERS)
    channels: Literal["mix", "first", "separate"] | None = Field(
        default=None, description="What becomes of the channels of the recording."
    )

    @model_validator(mode="after")
    def _in_order(self) -> "DiarizeOptions":
        counts = (self.min_speakers, self.num_speakers, self.max_speakers)
        given = [count for count in counts if count is not None]
        if given != sorted(given):
            raise ValueError("expected min_speakers <= num_speakers <= max_speakers")
        return self

    def parameters(self) -> dict[str, int | str | bool]:
        """Request parameters for Triton: nothing that was not asked for."""
        return self.model_dump(exclude={"recording_id"}, exclude_none=True)


class Progress(BaseModel):
    """How far a job is."""

    sent_bytes: int = Field(ge=0, description="Handed over to Triton so far; 0 while it waits.")
    queue_position: int | None = Field(description="1 for the next; null where it does not wait.")
    estimated_remaining_s: float | None = Field(
        description="Seconds until it is done: an estimate, from what jobs took here of late. Null "
        "where the file does not tell its length, and once it has ended."
    )
    elapsed_s: float | None = Field(description="Seconds it was worked on; null while it waits.")


class Audio(BaseModel):
    """The recording."""

    n_bytes: int = Field(ge=0)
    audio_s: float | None = Field(description="Length in seconds, where it is known.")
    media_type: str = Field(description="Judged by the content.")


class Links(BaseModel):
    """Where the parts of a job are."""

    self: str
    result: str
    view: str
    turns: str
    audio: str
    sound: str
    report: str


class JobDocument(BaseModel):
    """A job. Its id is a secret: whoever knows it can read, correct and remove the job."""

    id: str
    recording_id: str
    state: State
    created_at: datetime
    expires_at: datetime | None = Field(
        description="Null while it is worked on; each correction puts it off."
    )
    options: dict[str, int | str | bool] = Field(description="As they were asked for.")
    audio: Audio
    progress: Progress
    corrected: bool = Field(description="Whether a person has corrected the turns.")
    problem: ProblemDocument | None = Field(description="Why it failed; null else.")
    links: Links


def job_document(gateway: Gateway, job: Job) -> dict[str, Any]:
    """Describe a job, as JSON can hold it."""
    own = f"/v1/jobs/{job.id}"
    elapsed_s = None
    if job.started_s is not None:
        elapsed_s = job.work_s if job.has_ended else max(gateway.clock() - job.started_s, 0.0)
    document = JobDocument(
        id=job.id,
        recording_id=job.recording_id,
        state=job.state,
        created_at=_time(job.created_s),
        expires_at=None if (end_s := gateway.store.expires_s(job)) is None else _time(end_s),
        options=job.options,
        audio=Audio(n_bytes=job.n_bytes, audio_s=job.audio_s, media_type=job.media_type),
        progress=Progress(
            sent_bytes=job.sent_bytes,
            queue_position=gateway.runner.position(job),
            estimated_remaining_s=_rounded(gateway.remaining_s(job)),
            elapsed_s=_rounded(elapsed_s),
        ),
        corrected=job.corrected,
        problem=None if job.problem is None else ProblemDocument(**job.problem),
        links=Links(
            self=own,
            **{part: f"{own}/{part}" for part in _PARTS},
        ),
    )
    return document.model_dump(mode="json")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
