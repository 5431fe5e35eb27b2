"""What the frames of a live stream look like, and the AsyncAPI document that says so."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from live.sources import RATES_HZ
from web.api.documents import RecordingId, SpeakerOptions
from web.http.middleware import WEBSOCKET
from web.http.problems import invalid_values
from web.jobs.store import Job

MAX_COUNT = 2**53  # of samples or events: what every JSON library keeps exactly


class _Key(BaseModel):
    """What the first frame may have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str | None = Field(
        default=None, description="An API key, for browsers, which cannot set a header.", repr=False
    )


class Start(SpeakerOptions, _Key):
    """Begin a session."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["start"]
    recording_id: RecordingId = Field(default="recording", description="Name in the result.")
    rate_hz: int = Field(
        default=16_000, ge=RATES_HZ[0], le=RATES_HZ[-1], description="Samples per second."
    )
    latency_s: Literal["0.5", "1", "2", "5"] = Field(
        default="2", description="Seconds after which a moment is decided."
    )
    exclusive: bool | None = Field(default=None, description="At most one speaker at a time.")
    keep: bool = Field(
        default=False,
        description="Whether the recording becomes the job /v1/jobs/{session} with the result.",
    )

    def parameters(self) -> dict[str, int | str | bool]:
        """Return the given request parameters for Triton."""
        return self.model_dump(exclude={"type", "key", "keep"}, exclude_none=True)

    def job(self, session: str, now_s: float) -> Job:
        """Make the job of a session that is kept, to be ended with its result."""
        live_only = {"recording_id", "rate_hz", "latency_s"}
        return Job(
            id=session,
            recording_id=self.recording_id,
            options={name: v for name, v in self.parameters().items() if name not in live_only},
            n_bytes=0,
            audio_s=None,
            media_type="audio/wav",
            created_s=now_s,
        )


class Resume(_Key):
    """Continue a session over a new connection."""

    type: Literal["resume"]
    session: str = Field(pattern="^[A-Za-z0-9_-]{16,64}$", description="From `started`.")
    last_seq: int = Field(
        default=0, ge=0, le=MAX_COUNT, description="Of the last event that was received."
    )


class End(BaseModel):
    """No audio follows."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["end"]


Frame = Start | Resume | End
_FRAME: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def parse_frame(text: str) -> Frame:
    """Parse a frame of text; ProblemError 422 names what is wrong with it."""
    try:
        return _FRAME.validate_json(text)
    except ValidationError as error:
        raise invalid_values(error) from error


def _frame(kind: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of a frame of JSON; a field `x_` is optional."""
    properties = {name.rstrip("_"): field for name, field in fields.items()}
    return {
        "type": "object",
        "required": ["type", *(name for name in fields if not name.endswith("_"))],
        "properties": {"type": {"const": kind}, **properties},
    }


_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number", "minimum": 0}
_TEXT = {"type": "string"}
_STRINGS = {"type": "object", "additionalProperties": _TEXT}
_AUDIO = {
    "type": "string",
    "format": "binary",
    "description": "16-bit little-endian samples of one channel, at most 960 000 bytes.",
}
_RECEIVED = {
    "started": ("The session goes on at sample `received`.", {"session": _TEXT}),
    "ack": ("All samples before `received` are kept.", {}),
}
_EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "turn": (
        "Somebody talks.",
        {
            "id": _COUNT,
            "rev": _COUNT,
            "speaker": _TEXT,
            "start_s": _NUMBER,
            "end_s": _NUMBER,
            "state": {"enum": ["partial", "final"]},
            "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        },
    ),
    "relabel": (
        "Earlier turns are another speaker's.",
        {
            "from": _TEXT,
            "to": _TEXT,
            "until_s": _NUMBER,
            "turns_": {"type": "array", "items": _COUNT},
        },
    ),
    "progress": ("How far it is.", {"heard_s": _NUMBER, "reported_s": _NUMBER, "final_s": _NUMBER}),
    "result": (
        "The whole recording: RTTM, how sure each turn is, and more as `run` says it.",
        {
            "rttm": _TEXT,
            "confidences": {"type": "array", "items": _NUMBER},
            "info": {"type": "object"},
        },
    ),
}
_ERROR = _frame(
    "error",
    status={"type": "integer", "minimum": 400, "maximum": 599},
    title=_TEXT,
    detail=_TEXT,
    errors_={"type": "array", "items": _STRINGS},
)


def asyncapi(version: str, *, needs_key: bool) -> dict[str, Any]:
    """Make the AsyncAPI 3 document of the WebSocket.

    Parameters
    ----------
    version
        Of the API.
    needs_key
        Whether clients need a key.
    """
    from_client = {
        model.model_fields["type"].annotation.__args__[0]: _message(  # type: ignore[union-attr]
            str(model.__doc__), model.model_json_schema()
        )
        for model in (Start, Resume, End)
    }
    from_client["audio"] = _message("Audio that follows.", _AUDIO, "application/octet-stream")
    to_client = {
        **{
            kind: _message(text, _frame(kind, received=_COUNT, credit=_COUNT, **fields))
            for kind, (text, fields) in _RECEIVED.items()
        },
        **{
            kind: _message(text, _frame(kind, seq=_COUNT, **fields))
            for kind, (text, fields) in _EVENTS.items()
        },
        "error": _message("Why the connection is closed.", _ERROR),
    }
    messages = from_client | to_client
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Live speaker diarization", "version": version},
        "channels": {
            "stream": {
                "address": WEBSOCKET,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "receiveFrames": {
                **_operation("receive", from_client),
                **(_SECURITY if needs_key else {}),
            },
            "sendFrames": _operation("send", to_client),
        },
        "components": {"messages": messages},
    }


_SECURITY = {
    "security": [
        {"type": "http", "scheme": "bearer"},
        {"type": "httpApiKey", "in": "header", "name": "X-API-Key"},
    ]
}


def _message(
    summary: str, payload: dict[str, Any], content_type: str = "application/json"
) -> dict[str, Any]:
    return {"summary": summary, "contentType": content_type, "payload": payload}


def _operation(action: str, names: Iterable[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [{"$ref": f"#/channels/stream/messages/{name}"} for name in names],
    }
