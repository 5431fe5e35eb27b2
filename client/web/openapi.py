"""The OpenAPI document, where FastAPI does not know it: bodies that are streamed, and formats."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import formats
from web.documents import DiarizeOptions
from web.negotiation import MEDIA_TYPES, PLAIN
from web.problems import MEDIA_TYPE as PROBLEM

TURNS = "Turns"
_SCHEMA_FILE = Path(formats.__file__).with_name("turns.schema.json")
_REFERENCE = "#/components/schemas/{}"
_TEXT = {"schema": {"type": "string"}}
_MEANINGS = {
    400: "The request cannot be read.",
    401: "No API key, or a wrong one.",
    404: "No such job, or none any more.",
    406: "No format that is acceptable.",
    408: "The body came too slowly.",
    409: "The job is not done, or what is kept of it is damaged.",
    413: "Too large.",
    415: "No audio that can be read, or no form.",
    416: "No such range of bytes.",
    422: "A value is wrong, or the recording cannot be diarized.",
    429: "Too many uploads from this address.",
    500: "The gateway failed.",
    502: "The diarization server failed.",
    503: "The diarization server is away, or too many recordings wait.",
    507: "No room on the disk.",
}

_KEY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Document the errors of a route; those that any request may meet are among them."""
    schema = {"schema": {"$ref": _REFERENCE.format("ProblemDocument")}}
    meanings = {
        **{status: _MEANINGS[status] for status in (*statuses, 400, 500)},
        403: "A page of another site may not do this.",
        421: "Called by a name that is not served.",
    }
    return {
        status: {"description": meaning, "content": {PROBLEM: schema}}
        | ({"headers": _RETRY_AFTER} if status in (429, 503) else {})
        for status, meaning in sorted(meanings.items())
    }


_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": False, "schema": {"type": "integer"}}
}
CONTENT_DISPOSITION = {
    "Content-Disposition": {
        "description": "Name for a file of it.",
        "schema": {"type": "string"},
    }
}


def result_content() -> dict[str, Any]:
    """Media types of a result."""
    content: dict[str, Any] = dict.fromkeys(MEDIA_TYPES.values(), _TEXT)
    content[MEDIA_TYPES["json"]] = {"schema": {"$ref": _REFERENCE.format(TURNS)}}
    return {**content, PLAIN: _TEXT}


def form_body() -> dict[str, Any]:
    """Describe the form with the file."""
    schema = DiarizeOptions.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "The recording."}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "additionalProperties": False,
                        "properties": {
                            "file": file,
                            **{name: _field(each) for name, each in schema["properties"].items()},
                        },
                    }
                }
            },
        }
    }


def json_body(model: str) -> dict[str, Any]:
    """Describe a JSON body by the name of its schema."""
    schema = {"$ref": _REFERENCE.format(model)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def complete(app: FastAPI, models: dict[str, dict[str, Any]], needs_key: bool) -> None:
    """Let the app's document hold our schemas too, by name, and tell where a key is needed."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update({TURNS: _turns(), **models})
        if needs_key:
            components["securitySchemes"] = _KEY_SCHEMES
            document["paths"]["/v1/diarize"]["post"]["security"] = [
                {name: []} for name in _KEY_SCHEMES
            ]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _turns() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(_SCHEMA_FILE.read_text())
    del schema["$schema"]
    return schema


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    """In a form there is no null: a field that is not given is left out."""
    (kind,) = [each for each in schema["anyOf"] if each.get("type") != "null"]
    described = {"description": schema["description"]} if "description" in schema else {}
    return {**kind, **described}
