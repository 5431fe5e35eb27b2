"""/v1/jobs/{job_id}: progress, result, corrected turns, sound, views, and removal of a job."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from formats.answer_texts import REPORT, file_name
from viewer.sound import MEDIA_TYPE as SOUND_TYPE
from web.api.answers import (
    NO_STORE,
    Token,
    choose_format,
    content_disposition,
    file_response,
    no_result,
    requested_format,
    result_response,
)
from web.api.documents import (
    CONTENT_DISPOSITION,
    JobDocument,
    Responses,
    job_document,
    json_body,
    problems,
    result_content,
)
from web.gateway import Gateway, TheGateway
from web.http.problems import invalid_values
from web.jobs.results import Correction, apply_correction
from web.jobs.store import Job, State
from web.jobs.uploads import MEDIA_TYPES, limited_body
from web.jobs.work_folder import SOUND

MAX_CORRECTION_BYTES = 20_000_000  # a turn takes about 100 bytes

router = APIRouter(prefix="/v1/jobs/{job_id}")

JobId = Annotated[str, Path(description="The job's id, from the answer to the upload.")]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PARTIAL: dict[str, Any] = {"description": "The requested range of it."}
_RESULT: dict[str, Any] = {
    "description": "Who spoke when, with the user's corrections.",
    "content": result_content(),
    "headers": CONTENT_DISPOSITION,
}
_AUDIO: Responses = {
    200: {"description": "The uploaded file.", "content": dict.fromkeys(MEDIA_TYPES, _BINARY)},
    206: _PARTIAL,
}
_VIEW: dict[str, Any] = {
    "description": "A document `diarization-view/1`.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_SOUND: Responses = {
    200: {"description": "FLAC, 16 kHz, one channel.", "content": {SOUND_TYPE: _BINARY}},
    206: _PARTIAL,
}
_REPORT: dict[str, Any] = {
    "description": "One page that needs no network.",
    "content": {"text/html": {"schema": {"type": "string"}}},
    "headers": CONTENT_DISPOSITION,
}


@router.get(
    "",
    summary="Get a job's state and progress",
    response_model=None,
    responses={200: {"model": JobDocument}, **problems(404, 422)},
)
async def get_job(job_id: JobId, gateway: TheGateway) -> Response:
    """Get state and progress. Poll about once a second while the job is not done."""
    job = await run_in_threadpool(gateway.store.find, job_id)
    return JSONResponse(job_document(gateway, job), headers=NO_STORE)


@router.delete(
    "",
    summary="Cancel or remove a job",
    status_code=204,
    response_class=Response,
    responses=problems(404, 422),
)
async def remove_job(job_id: JobId, gateway: TheGateway) -> Response:
    """Remove a job and all its files; one that has not ended is cancelled, in Triton too.

    With the id of a live session that is kept and has no result yet, it is not kept any more.
    """
    if await run_in_threadpool(gateway.store.live.remove, job_id):
        return Response(status_code=204)
    job = await run_in_threadpool(gateway.store.find, job_id)
    await run_in_threadpool(gateway.remove, job)
    return Response(status_code=204)


@router.get(
    "/result",
    summary="Get a job's result",
    response_class=Response,
    responses={200: _RESULT, **problems(404, 406, 409, 422, 502, 503, 507)},
)
async def get_result(
    request: Request,
    job_id: JobId,
    gateway: TheGateway,
    asked: Annotated[Token | None, Query(alias="format")] = None,
) -> Response:
    """Get who spoke when, in the format that `format` or `Accept` chooses."""
    format_ = requested_format(request, asked)
    job = await _find_done(gateway, job_id)
    return await run_in_threadpool(result_response, gateway, job, format_)


@router.put(
    "/turns",
    summary="Correct a job's turns",
    response_class=Response,
    responses={200: _RESULT, **problems(400, 404, 406, 408, 409, 413, 422, 502, 503, 507)},
    openapi_extra=json_body("Correction"),
)
async def correct_turns(request: Request, job_id: JobId, gateway: TheGateway) -> Response:
    """Replace the turns by corrected ones, with speakers' names.

    They are stored at once; every result is made of them from now on.
    """
    job = await _find_done(gateway, job_id)
    body = b"".join([piece async for piece in limited_body(request, MAX_CORRECTION_BYTES)])
    return await run_in_threadpool(_correct, gateway, job, body)


def _correct(gateway: Gateway, job: Job, body: bytes) -> Response:
    try:
        correction = Correction.model_validate_json(body)
    except ValidationError as error:
        raise invalid_values(error) from error
    gateway.store.correct(job, apply_correction(gateway.store.result(job).original, correction))
    return result_response(gateway, job, choose_format("", "json"))


@router.delete(
    "/turns",
    summary="Discard corrected turns",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 422, 502, 503, 507),
)
async def forget_correction(job_id: JobId, gateway: TheGateway) -> Response:
    """Go back to the turns that were found."""
    job = await _find_done(gateway, job_id)
    await run_in_threadpool(gateway.store.correct, job, None)
    return Response(status_code=204)


@router.get(
    "/audio",
    summary="Get a job's recording",
    response_class=Response,
    responses={**_AUDIO, **problems(400, 404, 409, 416, 422)},
)
async def get_audio(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the recording, whole or in ranges."""
    job = await run_in_threadpool(gateway.store.find, job_id)
    return await file_response(gateway.store.audio(job), job.media_type)


@router.get(
    "/view",
    summary="Get a job's view for the viewer",
    response_class=JSONResponse,
    responses={200: _VIEW, **problems(404, 409, 422, 502, 503, 507)},
)
async def get_view(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the current turns, with the outline of the recording's waveform."""
    job = await _find_viewable(gateway, job_id)
    return await run_in_threadpool(_view, gateway, job)


def _view(gateway: Gateway, job: Job) -> Response:
    document = gateway.views.document(job.id, gateway.store.result(job).current)
    return JSONResponse(document, headers=NO_STORE)


@router.get(
    "/sound",
    summary="Get a job's recording for a player",
    response_class=Response,
    responses={**_SOUND, **problems(400, 404, 409, 416, 422, 502, 503, 507)},
)
async def get_sound(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the recording in a form that every browser plays, whole or in ranges."""
    job = await _find_viewable(gateway, job_id)
    return await file_response(gateway.folder.path(job.id, SOUND), SOUND_TYPE)


@router.get(
    "/report",
    summary="Get a job's result as a page",
    response_class=HTMLResponse,
    responses={200: _REPORT, **problems(404, 409, 422, 502, 503, 507)},
)
async def get_report(job_id: JobId, gateway: TheGateway) -> Response:
    """Get one HTML file to see and hear the result, as the client's --report writes it."""
    job = await _find_viewable(gateway, job_id)
    pieces = await run_in_threadpool(_report, gateway, job)
    headers = content_disposition("attachment", file_name(REPORT, job.recording_id))
    return StreamingResponse(pieces, media_type="text/html", headers={**headers, **NO_STORE})


def _report(gateway: Gateway, job: Job) -> Iterator[bytes]:
    return gateway.views.report(job.id, gateway.store.result(job).current)


async def _find_done(gateway: Gateway, job_id: str) -> Job:
    """Look up a job that has a result; ProblemError says why there is none."""
    job = await run_in_threadpool(gateway.store.find, job_id)
    if job.state != State.DONE:
        raise no_result(job)
    return job


async def _find_viewable(gateway: Gateway, job_id: str) -> Job:
    """Look up a job that is done, and prepare its views."""
    job = await _find_done(gateway, job_id)
    await gateway.views.prepare(job.id)
    return job
