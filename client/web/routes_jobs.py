"""/v1/jobs/{job_id}: progress, result, audio, corrected turns, and the end of a job."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from web.answering import NO_STORE, failure, result
from web.corrections import Correction, corrected
from web.documents import JobDocument, job_document
from web.error_handlers import wrong_values
from web.gateway import Gateway, TheGateway
from web.jobs import Job, State
from web.negotiation import Token, chosen
from web.openapi import CONTENT_DISPOSITION, json_body, problems, result_content
from web.probing import MEDIA_TYPES
from web.stored_file import stored_file
from web.uploads import limited_body

MOST_CORRECTION_BYTES = 20_000_000  # a turn is about 100 bytes

router = APIRouter(prefix="/v1/jobs/{job_id}")

JobId = Annotated[str, Path(description="The job's id, as the upload's answer told it.")]
_RESULT = {
    "description": "Who spoke when; corrected, where a person has done so.",
    "content": result_content(),
    "headers": CONTENT_DISPOSITION,
}


@router.get(
    "",
    summary="Tell how far a job is",
    response_model=None,
    responses={200: {"model": JobDocument}, **problems(404, 422)},
)
async def get_job(job_id: JobId, gateway: TheGateway) -> Response:
    """Tell state and progress. Ask about once a second while it is not done."""
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
    """Remove a job and all its files; one that has not ended is cancelled, in Triton too."""
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
    format_ = chosen(",".join(request.headers.getlist("accept")), asked)
    job = await done(gateway, job_id)
    return await run_in_threadpool(result, gateway, job, format_)


@router.put(
    "/turns",
    summary="Correct a job's turns",
    response_class=Response,
    responses={200: _RESULT, **problems(400, 404, 406, 408, 409, 413, 422, 502, 503, 507)},
    openapi_extra=json_body("Correction"),
)
async def correct_turns(request: Request, job_id: JobId, gateway: TheGateway) -> Response:
    """Put corrected turns, with speakers' names, in the place of those before.

    They are kept at once; all results from now on are made of them.
    """
    job = await done(gateway, job_id)
    body = b"".join([piece async for piece in limited_body(request, MOST_CORRECTION_BYTES)])
    return await run_in_threadpool(_corrected, gateway, job, body)


def _corrected(gateway: Gateway, job: Job, body: bytes) -> Response:
    try:
        correction = Correction.model_validate_json(body)
    except ValidationError as error:
        raise wrong_values(error) from error
    turns = corrected(gateway.store.kept(job).original, correction)
    gateway.store.correct(job, turns)
    return result(gateway, job, chosen(None, "json"))


@router.delete(
    "/turns",
    summary="Forget corrected turns",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 422, 502, 503, 507),
)
async def forget_correction(job_id: JobId, gateway: TheGateway) -> Response:
    """Go back to the turns that were found."""
    job = await done(gateway, job_id)
    await run_in_threadpool(gateway.store.correct, job, None)
    return Response(status_code=204)


@router.get(
    "/audio",
    summary="Get a job's recording",
    response_class=Response,
    responses={
        200: {
            "description": "The file as it was sent.",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES
            },
        },
        206: {"description": "The range of it that was asked for."},
        **problems(400, 404, 409, 416, 422),
    },
)
async def get_audio(job_id: JobId, gateway: TheGateway) -> Response:
    """Get the recording, whole or in ranges, as players want it."""
    job = await run_in_threadpool(gateway.store.find, job_id)
    return await stored_file(gateway.store.audio(job), job.media_type)


async def done(gateway: Gateway, job_id: str) -> Job:
    """Look a job up that has a result; ProblemError says why it has none."""
    job = await run_in_threadpool(gateway.store.find, job_id)
    if job.state != State.DONE:
        raise failure(job)
    return job
