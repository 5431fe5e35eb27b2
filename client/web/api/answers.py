"""Answers with a result, in the format that `?format=` or Accept chooses, and with files."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from python_multipart.multipart import parse_options_header
from starlette.types import Receive, Scope, Send

from formats import RTTM, TOKENS
from formats.answer_texts import file_name
from formats.result import FormatError
from web.gateway import Gateway
from web.http.middleware import ORIGINAL_METHOD
from web.http.problems import ProblemError, no_such_job
from web.jobs.store import Job, State

NO_STORE = {"Cache-Control": "no-store"}  # the next user of the same machine sees nothing of it
PLAIN = "text/plain"
MEDIA_TYPES = {
    "json": "application/json",
    RTTM: "text/x-rttm",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "csv": "text/csv",
}
Token = StrEnum("Token", {token.upper(): token for token in TOKENS})  # type: ignore[misc]


@dataclass(frozen=True)
class Format:
    """The token of a format, and the media type it is sent as."""

    token: str
    media_type: str


# The choices of Accept; the first of those with the same weight.
OFFERED = (
    *(Format(token, media_type) for token, media_type in MEDIA_TYPES.items()),
    Format(RTTM, PLAIN),
)


def requested_format(request: Request, token: Token | None) -> Format:
    """Choose the format that a request wants; ProblemError 406 if there is none."""
    return choose_format(",".join(request.headers.getlist("accept")), token)


def choose_format(accept: str, token: str | None) -> Format:
    """Choose a format.

    Parameters
    ----------
    accept
        The header Accept; empty means `*/*`.
    token
        The token in ?format=, which takes precedence.

    Raises
    ------
    ProblemError
        406 if no offered format is acceptable.
    """
    if token is not None:
        return Format(token, MEDIA_TYPES.get(token, PLAIN))
    weights = _weights(accept or "*/*")
    best = max(OFFERED, key=lambda offer: _weight(offer.media_type, weights))
    if not _weight(best.media_type, weights):
        offered = ", ".join(offer.media_type for offer in OFFERED)
        raise ProblemError(
            406, f"Accept allows none of {offered}; ?format= takes one of {', '.join(TOKENS)}"
        )
    return best


def _weights(accept: str) -> dict[str, float]:
    """Parse media ranges and their weights, 0 to 1; malformed ones count as 0."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        media_range, parameters = parse_options_header(part)
        try:
            weight = float(parameters.get(b"q", b"1"))
        except ValueError:
            weight = 0.0
        weights[media_range.decode("latin-1")] = weight if 0 <= weight <= 1 else 0.0
    return weights


def _weight(media_type: str, weights: dict[str, float]) -> float:
    """Return the weight of the most specific range."""
    for media_range in (media_type, media_type.split("/")[0] + "/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0


def result_response(gateway: Gateway, job: Job, format_: Format) -> Response:
    """Answer with the result of a job that is done.

    Raises
    ------
    ProblemError
        404 if it was removed, 502 if Triton's answer is not enough for this format.
    """
    stored = gateway.store.result(job)
    try:
        text = stored.text(format_.token)
    except FormatError as error:
        raise ProblemError(502, str(error)) from error
    media_type = format_.media_type
    if not media_type.endswith("json"):
        media_type += "; charset=utf-8"
    headers = {
        "Content-Type": media_type,
        "Vary": "Accept",
        **content_disposition("inline", file_name(format_.token, stored.recording_id)),
        **NO_STORE,
    }
    return Response(text.encode(), headers=headers)


def no_result(job: Job) -> ProblemError:
    """Say why a job has no result."""
    if job.problem is not None:
        return ProblemError(job.problem.status, job.problem.detail)
    if job.state == State.CANCELLED:
        return ProblemError(409, "the job was cancelled")
    return ProblemError(409, f"the job is not done, it is {job.state}", {"Retry-After": "1"})


def content_disposition(kind: str, name: str) -> dict[str, str]:
    """Name an answer as a file, `inline` or `attachment`."""
    return {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(name, safe='')}"}


async def file_response(path: Path, media_type: str) -> FileResponse:
    """Answer with a job's file, or ranges of it; ProblemError 404 if the job was removed."""
    try:
        status = await run_in_threadpool(path.stat)
    except FileNotFoundError as error:
        raise no_such_job() from error
    return _FileResponse(path, headers=NO_STORE, media_type=media_type, stat_result=status)


class _FileResponse(FileResponse):
    """Does not read the file for a HEAD request, which the routes see as GET."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "method": scope[ORIGINAL_METHOD]}, receive, send)
