"""POST /v1/diarize: a recording comes in; its result goes out, or a job that will have it."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from inputs.recordings import ListError, single_recording
from web.answering import NO_STORE, failure, result
from web.documents import DiarizeOptions, JobDocument, job_document
from web.error_handlers import wrong_values
from web.gateway import Gateway, TheGateway
from web.jobs import Job, State
from web.negotiation import Chosen, Token, chosen
from web.openapi import CONTENT_DISPOSITION, form_body, problems, result_content
from web.probing import longest_s, probe
from web.store import Arrived
from web.uploads import Upload, received_form

ASYNC = "respond-async"
NAMELESS = "recording"  # as the service calls it

router = APIRouter()

_ACCEPTED: dict[str, Any] = {
    "description": "Long, or asked for by `Prefer: respond-async`: a job.",
    "model": JobDocument,
    "headers": {
        "Location": {"description": "The job.", "schema": {"type": "string"}},
        "Preference-Applied": {
            "description": "Where it was asked for.",
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
    summary="Tell who spoke when in a recording",
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

    A short one is answered with its result, in the format that `format` or `Accept` chooses; a
    long one with a job. A caller who hangs up cancels what he waits for.
    """
    gateway.refuse_unwanted(request)
    format_ = chosen(",".join(request.headers.getlist("accept")), asked)
    wants_job = ASYNC in (word.strip().lower() for word in (prefer or "").split(","))
    with gateway.place(request) as arrived:
        job = await _arrived(request, gateway, wants_job, arrived)
        gateway.runner.submit(job)
    if job.transient:
        return await _waited_for(request, gateway, job, format_)
    headers = {"Location": f"/v1/jobs/{job.id}", **NO_STORE}
    if wants_job:
        headers["Preference-Applied"] = ASYNC
    return JSONResponse(job_document(gateway, job), 202, headers=headers)


async def _arrived(
    request: Request, gateway: Gateway, wants_job: bool, arrived_bytes: Callable[[int], None]
) -> Job:
    """Receive the form, and make a job of it."""
    folder, most_bytes = gateway.folder.uploads, gateway.settings.most_upload_bytes
    upload = await received_form(request, folder, most_bytes, arrived_bytes)
    try:
        options = _options(upload.fields)
        found = await run_in_threadpool(probe, upload.path)
        long = longest_s(found, upload.n_bytes) > gateway.settings.long_s
        arrived = Arrived(
            upload.path,
            upload.n_bytes,
            found.audio_s,
            found.media_type,
            options.recording_id or _name(upload),
            options.parameters(),
            transient=not (long or wants_job),
        )
        job = await run_in_threadpool(gateway.store.add, arrived)
    finally:
        upload.discard()
    gateway.metrics.upload(upload.n_bytes)
    return job


def _options(fields: dict[str, str]) -> DiarizeOptions:
    try:
        return DiarizeOptions.model_validate({name: text for name, text in fields.items() if text})
    except ValidationError as error:
        raise wrong_values(error) from error


def _name(upload: Upload) -> str:
    """Make a recording id of the file's name, as the client does; it never becomes a path."""
    try:
        return single_recording(upload.file_name).recording_id
    except (ListError, ValueError):
        return NAMELESS


async def _waited_for(request: Request, gateway: Gateway, job: Job, format_: Chosen) -> Response:
    """Wait for a job, answer with its result, and leave nothing of it."""
    gone = asyncio.ensure_future(_hung_up(request))
    ended = asyncio.wrap_future(job.ended)
    try:
        await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        if job.state == State.DONE:
            return await run_in_threadpool(result, gateway, job, format_)
        raise failure(job) if job.has_ended else ClientDisconnect
    finally:
        gone.cancel()
        # To its end, whoever breaks this request off.
        await asyncio.shield(asyncio.to_thread(gateway.remove, job))


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
