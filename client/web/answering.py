"""The answer with a result, in the format that was chosen, or why there is none."""

from urllib.parse import quote

from fastapi.responses import Response

from formats.answer_texts import file_name
from formats.result import FormatError
from web.gateway import Gateway
from web.jobs import Job, State
from web.negotiation import Chosen
from web.problems import ProblemError

NO_STORE = {"Cache-Control": "no-store"}  # who comes later on the same machine sees nothing of it


def result(gateway: Gateway, job: Job, format_: Chosen) -> Response:
    """Answer with the result of a job that is done.

    Raises
    ------
    ProblemError
        404 where it was removed, 502 where Triton told too little for this format.
    """
    kept = gateway.store.kept(job)
    try:
        text = kept.text(format_.token)
    except FormatError as error:
        raise ProblemError(502, str(error)) from error
    name = quote(file_name(format_.token, kept.recording_id), safe="")
    headers = {"Content-Disposition": f"inline; filename*=UTF-8''{name}", "Vary": "Accept"}
    media_type = format_.media_type
    if not media_type.endswith("json"):
        media_type += "; charset=utf-8"
    return Response(text.encode(), headers={**headers, **NO_STORE, "Content-Type": media_type})


def failure(job: Job) -> ProblemError:
    """Say why a job has no result."""
    if job.problem is not None:
        return ProblemError(job.problem["status"], job.problem["detail"])
    if job.state == State.CANCELLED:
        return ProblemError(409, "the job was cancelled")
    return ProblemError(409, f"the job is not done, it is {job.state}", {"Retry-After": "1"})
