"""The one body of every error: problem details, RFC 9457.

The type is always `about:blank`: the title is the name of the status, and `detail` says what was
wrong, what was received and what is expected. No path and no traceback of this machine is in it.
"""

import errno
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100  # listed in one answer


class ProblemDocument(BaseModel):
    """Problem details, RFC 9457."""

    class Wrong(BaseModel):
        """An invalid value."""

        field: str
        message: str

    type: str = Field(description="Always `about:blank`: the status says what kind it is.")
    title: str = Field(description="The name of the status.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was wrong, what was received, what is expected.")
    errors: list[Wrong] = Field(default=[], description="The invalid values, if there are any.")


class ProblemError(Exception):
    """A request that cannot be fulfilled.

    Parameters
    ----------
    status
        HTTP status, 400 to 599.
    detail
        One sentence for the caller.
    headers
        Further headers of the answer.
    errors
        `field` and `message` of each invalid value.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.document = ProblemDocument(
            type="about:blank",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            errors=[ProblemDocument.Wrong(**error) for error in errors],
        )


def problem_response(problem: ProblemError) -> JSONResponse:
    """Answer with a problem."""
    body = problem.document.model_dump(exclude_defaults=True)
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of_exception(error: Exception) -> ProblemError:
    """Describe an internal error without its text, which belongs in the log."""
    cause = error.__cause__ or error  # atomic_file raises its own sentence from it
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return ProblemError(507, "there is no room on the disk, try again later")
    return ProblemError(500, "the gateway failed; its log says why")


def retry_later(status: int, detail: str, wait_s: float) -> ProblemError:
    """Refuse for now, with Retry-After."""
    return ProblemError(status, detail, {"Retry-After": str(max(1, round(wait_s + 0.5)))})


def no_such_job() -> ProblemError:
    """Say that a job does not exist, or not any more."""
    return ProblemError(404, "no such job: its id is wrong, or it was removed or has expired")


def invalid_field(name: str, message: str) -> ProblemError:
    """Name an invalid field of a form."""
    return ProblemError(422, f"{name}: {message}", errors=[{"field": name, "message": message}])


def invalid_values(error: RequestValidationError | ValidationError) -> ProblemError:
    """Name every invalid value and what is expected; the values are not repeated."""
    if isinstance(error, ValidationError):  # a body may have a million errors
        found = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        found = [*error.errors()]
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"]) or "request",
            "message": str(each["msg"]),
        }
        for each in found[:MAX_ERRORS]
    ]
    shown = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:3])
    return ProblemError(422, shown or "the request has an invalid value", errors=errors)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error that FastAPI or Starlette raises with a problem."""

    @app.exception_handler(ProblemError)
    async def on_problem(_: Request, error: ProblemError) -> Response:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_values(_: Request, error: RequestValidationError) -> Response:
        return problem_response(invalid_values(error))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods(request))
            detail = f"{request.method} is not possible here, expected {headers['Allow']}"
        return problem_response(ProblemError(error.status_code, detail, headers))


def _methods(request: Request) -> list[str]:
    """List all methods of this path; Starlette knows those of one route only."""
    found: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.url.path):
            found |= {method.upper() for method in operations}
    if "GET" in found or not found:
        found |= {"GET", "HEAD"}
    return sorted(found)
