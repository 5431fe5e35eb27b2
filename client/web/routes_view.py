"""What the page needs beside a job's result: view, sound, report; and what the gateway takes."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from formats.answer_texts import REPORT, file_name
from viewer.embedding import MEDIA_TYPE
from web.answering import NO_STORE
from web.gateway import Gateway, TheGateway
from web.jobs import Job
from web.openapi import CONTENT_DISPOSITION, problems
from web.routes_jobs import JobId, done
from web.stored_file import stored_file

router = APIRouter()

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_VIEW: dict[str, Any] = {
    "description": "A document `diarization-view/1`.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"description": "FLAC, 16 kHz, one channel.", "content": {MEDIA_TYPE: _BINARY}},
    206: {"description": "The range of it that was asked for."},
}
_REPORT: dict[str, Any] = {
    "description": "One page that needs no network.",
    "content": {"text/html": {"schema": {"type": "string"}}},
    "headers": CONTENT_DISPOSITION,
}


class Limits(BaseModel):
    """What the gateway takes, and for how long it keeps it."""

    most_upload_bytes: int = Field(description="Size of the largest file.")
    keep_s: float = Field(description="Seconds that a job is kept after its end or a correction.")


@router.get("/v1/limits", summary="Tell what is taken", responses=problems())
async def get_limits(gateway: TheGateway) -> Limits:
    """Tell what the gateway takes, and for how long it keeps it."""
    settings = gateway.settings
    return Limits(most_upload_bytes=settings.most_upload_bytes, keep_s=settings.keep_s)


@router.get(
    "/v1/jobs/{job_id}/view",
    summary="Get what the viewer shows of a job",
    response_class=JSONResponse,
    responses={200: _VIEW, **problems(404, 409, 422, 502, 503, 507)},
)
async def get_view(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the turns that hold, with the outline of the recording's waveform."""
    job = await done(gateway, job_id)
    await gateway.views.heard(job.id)
    return await run_in_threadpool(_view, gateway, job)


def _view(gateway: Gateway, job: Job) -> Response:
    document = gateway.views.document(job.id, gateway.store.kept(job).result)
    return JSONResponse(document, headers=NO_STORE)


@router.get(
    "/v1/jobs/{job_id}/sound",
    summary="Get a job's recording for a player",
    response_class=Response,
    responses={**_SOUND, **problems(400, 404, 409, 416, 422, 502, 503, 507)},
)
async def get_sound(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the recording as every browser plays it, whole or in ranges."""
    job = await done(gateway, job_id)
    await gateway.views.heard(job.id)
    return await stored_file(gateway.folder.sound(job.id), MEDIA_TYPE)


@router.get(
    "/v1/jobs/{job_id}/report",
    summary="Get a job's result as a page",
    response_class=HTMLResponse,
    responses={200: _REPORT, **problems(404, 409, 422, 502, 503, 507)},
)
async def get_report(job_id: JobId, gateway: TheGateway) -> Response:
    """Get one HTML file to look at and to listen to, as the client's --report writes it."""
    job = await done(gateway, job_id)
    await gateway.views.heard(job.id)
    pieces = await run_in_threadpool(_report, gateway, job)
    name = quote(file_name(REPORT, job.recording_id), safe="")
    disposition = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(pieces, media_type="text/html", headers={**disposition, **NO_STORE})


def _report(gateway: Gateway, job: Job) -> Iterator[bytes]:
    return gateway.views.report(job.id, gateway.store.kept(job).result)
