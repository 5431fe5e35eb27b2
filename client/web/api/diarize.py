"""POST /v1/diarize: a recording comes in; the answer is its result, or a job that will have it."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from inputs.recordings import ListError, single_recording
from web.api.answers import NO_STORE, Format, Token, no_result, requested_format, result_response
from web.api.documents import (
    CONTENT_DISPOSITION,
    DiarizeOptions,
    JobDocument,
    form_body,
    job_document,
    problems,
    result_content,
)
from web.gateway import Gateway, TheGateway
from web.http.problems import invalid_values
from web.jobs.store import Job, State
from web.jobs.uploads import ASSUMED_BYTES_PER_S, Upload, probe, receive_form

ASYNC = "respond-async"
NAMELESS = "recording"  # as in `run`

router = APIRouter()

_ACCEPTED: dict[str, Any] = {
    "description": "A job: the recording is long, or `Prefer: respond-async` asks for one.",
    "model": JobDocument,
    "headers": {
        "Location": {"description": "The job.", "schema": {"type": "string"}},
        "Preference-Applied": {
            "description": "If a job was asked for.",
            "required": False,
            "schema": {"type": "string"},
        },
    },
    "links": {
        name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}}
        for name in (
            "get_job",
            "get_result",
            "get_view",
            "get_audio",
            "correct_turns",
            "forget_correction",
            "remove_job",
        )
    },
}


@router.post(
    "/v1/diarize",
    summary="Find out who spoke when in a recording",
    response_class=Response,
    responses={
        200: {
            "description": "Who spoke when.",
            "content": result_content(),
            "headers": CONTENT_DISPOSITION,
        },
        202: _ACCEPTED,
        **problems(400, 401, 406, 408, 413, 415, 422, 429, 502, 503, 507),
    },
    openapi_extra=form_body(),
)
async def diarize(
    request: Request,
    gateway: TheGateway,
    asked: Annotated[Token | None, Query(alias="format")] = None,
    prefer: Annotated[str | None, Header(description=f"`{ASYNC}` asks for a job.")] = None,
) -> Response:
    """Send a recording as the field `file` of a form.

    The answer to a short one is its result, in the format that `format` or `Accept` chooses; to a
    long one, a job. A client that disconnects cancels the work on a short one.
    """
    gateway.admit(request)
    format_ = requested_format(request, asked)
    wants_job = ASYNC in (word.strip().lower() for word in (prefer or "").split(","))
    with gateway.upload_slot(request) as reserve:
        job = await _receive(request, gateway, wants_job, reserve)
        gateway.runner.submit(job)
    if job.transient:
        return await _wait_for(request, gateway, job, format_)
    headers = {"Location": f"/v1/jobs/{job.id}", **NO_STORE}
    if wants_job:
        headers["Preference-Applied"] = ASYNC
    return JSONResponse(job_document(gateway, job), 202, headers=headers)


async def _receive(
    request: Request, gateway: Gateway, wants_job: bool, reserve: Callable[[int], None]
) -> Job:
    """Receive the form, and make a job of it."""
    settings = gateway.settings
    upload = await receive_form(request, gateway.folder.uploads, settings.max_upload_bytes, reserve)
    try:
        options = _options(upload.fields)
        audio = await run_in_threadpool(probe, upload.path)
        length_s = audio.audio_s
        if length_s is None:
            length_s = upload.n_bytes / ASSUMED_BYTES_PER_S
        job = Job(
            recording_id=options.recording_id or _recording_id(upload),
            options=options.parameters(),
            n_bytes=upload.n_bytes,
            audio_s=audio.audio_s,
            media_type=audio.media_type,
            created_s=gateway.clock(),
            transient=not (wants_job or length_s > settings.long_s),
        )
        await run_in_threadpool(gateway.store.add, job, upload.path)
    finally:
        upload.discard()
    gateway.metrics.upload(upload.n_bytes)
    return job


def _options(fields: dict[str, str]) -> DiarizeOptions:
    try:
        return DiarizeOptions.model_validate({name: text for name, text in fields.items() if text})
    except ValidationError as error:
        raise invalid_values(error) from error


def _recording_id(upload: Upload) -> str:
    """Derive a recording id from the file's name, as the client does; it never becomes a path."""
    try:
        return single_recording(upload.file_name).recording_id
    except (ListError, ValueError):
        return NAMELESS


async def _wait_for(request: Request, gateway: Gateway, job: Job, format_: Format) -> Response:
    """Wait for a job, answer with its result, and remove it."""
    disconnected = asyncio.ensure_future(_disconnect(request))
    ended = asyncio.wrap_future(job.ended)
    try:
        await asyncio.wait({disconnected, ended}, return_when=asyncio.FIRST_COMPLETED)
        if job.state == State.DONE:
            return await run_in_threadpool(result_response, gateway, job, format_)
        raise no_result(job) if job.has_ended else ClientDisconnect
    finally:
        disconnected.cancel()
        # Shielded: it must finish even if this request is cancelled.
        await asyncio.shield(asyncio.to_thread(gateway.remove, job))


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
