"""What requests and answers look like, for FastAPI and for the OpenAPI document."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

import formats
from inputs.recordings import id_problem
from web.api.answers import MEDIA_TYPES, PLAIN
from web.gateway import Gateway
from web.http.problems import MEDIA_TYPE as PROBLEM
from web.http.problems import ProblemDocument
from web.jobs.results import Correction
from web.jobs.store import Job, State

MAX_SPEAKERS = 100  # as in `run`
_PARTS = ("result", "view", "turns", "audio", "sound", "report")


def _recording_id(text: str) -> str:
    if problem := id_problem(text):
        raise ValueError(problem)
    return text


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


RecordingId = Annotated[str, AfterValidator(_recording_id)]


class SpeakerOptions(BaseModel):
    """The options of recordings and of live audio."""

    model_config = ConfigDict(extra="forbid")

    recording_id: RecordingId | None = Field(
        default=None,
        description="Name in the results, without white space, control character, direction mark, "
        "zero-width space or `/`, of at most 250 bytes; by default derived from the file's name.",
        json_schema_extra={
            "pattern": "^[^\\s/\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e"
            "\\u2060\\u2066-\\u2069\\ufeff]*$"
        },
    )
    num_speakers: int | None = Field(default=None, ge=1, le=MAX_SPEAKERS)
    min_speakers: int | None = Field(default=None, ge=1, le=MAX_SPEAKERS)
    max_speakers: int | None = Field(default=None, ge=1, le=MAX_SPEAKERS)

    @model_validator(mode="after")
    def _check_order(self) -> "SpeakerOptions":
        counts = (self.min_speakers, self.num_speakers, self.max_speakers)
        given = [count for count in counts if count is not None]
        if given != sorted(given):
            raise ValueError("expected min_speakers <= num_speakers <= max_speakers")
        return self


class DiarizeOptions(SpeakerOptions):
    """Fields of the form beside the file; an empty one counts as not given."""

    mode: Literal["full", "classic"] | None = None
    exclusive: Annotated[bool | None, BeforeValidator(_yes_or_no)] = Field(
        default=None, description="At most one speaker at a time."
    )
    channels: Literal["mix", "first", "separate"] | None = Field(
        default=None, description="What to do with the channels of the recording."
    )

    def parameters(self) -> dict[str, int | str | bool]:
        """Return the given request parameters for Triton."""
        return self.model_dump(exclude={"recording_id"}, exclude_none=True)


class Progress(BaseModel):
    """How far a job is."""

    sent_bytes: int = Field(ge=0, description="Sent to Triton so far; 0 while it waits.")
    queue_position: int | None = Field(description="1 for the next; null if it does not wait.")
    estimated_remaining_s: float | None = Field(
        description="Seconds until it is done, estimated from recent jobs. Null if the file does "
        "not declare its length, and once the job has ended."
    )
    elapsed_s: float | None = Field(description="Seconds it was worked on; null while it waits.")


class Audio(BaseModel):
    """The recording."""

    n_bytes: int = Field(ge=0)
    audio_s: float | None = Field(description="Length in seconds, if it is known.")
    media_type: str = Field(description="Judged by the content.")


class Links(BaseModel):
    """Paths of the parts of a job."""

    self: str
    result: str
    view: str
    turns: str
    audio: str
    sound: str
    report: str


class JobDocument(BaseModel):
    """A job. Its id is a secret that allows to read, correct and remove the job."""

    id: str
    recording_id: str
    state: State
    created_at: datetime
    expires_at: datetime | None = Field(
        description="Null while it is worked on; each correction postpones it."
    )
    options: dict[str, int | str | bool] = Field(description="As given in the form.")
    audio: Audio
    progress: Progress
    corrected: bool = Field(description="Whether a user has corrected the turns.")
    problem: ProblemDocument | None = Field(description="Why it failed; else null.")
    links: Links


def job_document(gateway: Gateway, job: Job) -> dict[str, Any]:
    """Describe a job in JSON's types."""
    path = f"/v1/jobs/{job.id}"
    elapsed_s = None
    if job.started_s is not None:
        elapsed_s = job.work_s if job.has_ended else max(gateway.clock() - job.started_s, 0.0)
    expires_s = gateway.store.expires_s(job)
    document = JobDocument(
        id=job.id,
        recording_id=job.recording_id,
        state=job.state,
        created_at=_time(job.created_s),
        expires_at=None if expires_s is None else _time(expires_s),
        options=job.options,
        audio=Audio(n_bytes=job.n_bytes, audio_s=job.audio_s, media_type=job.media_type),
        progress=Progress(
            sent_bytes=job.sent_bytes,
            queue_position=gateway.runner.position(job),
            estimated_remaining_s=_round(gateway.remaining_s(job)),
            elapsed_s=_round(elapsed_s),
        ),
        corrected=job.corrected,
        problem=job.problem,
        links=Links(self=path, **{part: f"{path}/{part}" for part in _PARTS}),
    )
    return document.model_dump(mode="json")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


TURNS = "Turns"
CONTENT_DISPOSITION = {
    "Content-Disposition": {"description": "A file name for it.", "schema": {"type": "string"}}
}
_SCHEMA_FILE = Path(formats.__file__).with_name("turns.schema.json")
_REFERENCE = "#/components/schemas/{model}"
_TEXT = {"schema": {"type": "string"}}
_MEANINGS = {
    400: "The request cannot be read.",
    401: "No API key, or a wrong one.",
    403: "A page of another site may not do this.",
    404: "No such job, or it was removed.",
    406: "No acceptable format.",
    408: "The body arrived too slowly.",
    409: "The job is not done, or its files are damaged.",
    413: "Too large.",
    415: "No readable audio, or not a form.",
    416: "No such range of bytes.",
    421: "A host name that is not served.",
    422: "A value is wrong, or the recording cannot be diarized.",
    429: "Too many uploads from this address.",
    500: "The gateway failed.",
    502: "The diarization server failed.",
    503: "The diarization server is unavailable, or too many recordings wait.",
    507: "No space on the disk.",
}
_OF_ALL_ROUTES = (400, 403, 421, 500)
_WITH_RETRY_AFTER = (429, 503)
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": False, "schema": {"type": "integer"}}
}
_KEY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Document the errors of a route, those of all routes included."""
    content = {PROBLEM: {"schema": {"$ref": _REFERENCE.format(model="ProblemDocument")}}}
    return {
        status: {"description": _MEANINGS[status], "content": content}
        | ({"headers": _RETRY_AFTER} if status in _WITH_RETRY_AFTER else {})
        for status in sorted({*statuses, *_OF_ALL_ROUTES})
    }


def result_content() -> dict[str, Any]:
    """Document the media types of a result."""
    content: dict[str, Any] = dict.fromkeys(MEDIA_TYPES.values(), _TEXT)
    content[MEDIA_TYPES["json"]] = {"schema": {"$ref": _REFERENCE.format(model=TURNS)}}
    return {**content, PLAIN: _TEXT}


def form_body() -> dict[str, Any]:
    """Document the form with the file."""
    fields = DiarizeOptions.model_json_schema()["properties"]
    file = {"type": "string", "format": "binary", "description": "The recording."}
    schema = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {
            "file": file,
            **{name: _without_null(field) for name, field in fields.items()},
        },
    }
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def json_body(model: str) -> dict[str, Any]:
    """Document a JSON body by the name of its schema."""
    schema = {"$ref": _REFERENCE.format(model=model)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def extend_openapi(app: FastAPI, *, needs_key: bool) -> None:
    """Add to the app's document what FastAPI cannot derive from the routes."""
    generate = app.openapi
    schemas = {TURNS: json.loads(_SCHEMA_FILE.read_text())}
    del schemas[TURNS]["$schema"]
    for model in (ProblemDocument, Correction):
        schema = model.model_json_schema(ref_template=_REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas)
        if needs_key:
            components["securitySchemes"] = _KEY_SCHEMES
            document["paths"]["/v1/diarize"]["post"]["security"] = [
                {name: []} for name in _KEY_SCHEMES
            ]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Drop `null`: a form leaves out a field that is not given."""
    (kind,) = [each for each in field["anyOf"] if each.get("type") != "null"]
    described = {"description": field["description"]} if "description" in field else {}
    return {**kind, **described}
