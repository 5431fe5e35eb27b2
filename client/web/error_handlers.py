"""Every error that FastAPI or Starlette raises, as a problem."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from web.problems import ProblemError, problem_response

WRONG_METHOD = 405
MOST_ERRORS = 100  # that an answer lists


def install_error_handlers(app: FastAPI) -> None:
    """Let the app answer all errors with problems."""

    @app.exception_handler(ProblemError)
    async def on_problem(_: Request, error: ProblemError) -> Response:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def on_wrong_values(_: Request, error: RequestValidationError) -> Response:
        return problem_response(wrong_values(error))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if error.status_code == WRONG_METHOD:
            headers["Allow"] = ", ".join(_methods(request))
            detail = f"{request.method} is not possible here, expected {headers['Allow']}"
        return problem_response(ProblemError(error.status_code, detail, headers))


def wrong_values(error: RequestValidationError | ValidationError) -> ProblemError:
    """Name every value that is wrong, and what is expected; what came is not repeated."""
    if isinstance(error, ValidationError):  # a body may have a million errors
        found = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        found = [*error.errors()]
    errors = [
        {"field": _field(each["loc"]), "message": str(each["msg"])} for each in found[:MOST_ERRORS]
    ]
    shown = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:3])
    return ProblemError(422, shown or "the request holds a wrong value", errors=errors)


def _field(place: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in place) or "request"


def _methods(request: Request) -> list[str]:
    """All methods of this path: Starlette tells those of one route only."""
    found: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.url.path):
            found |= {method.upper() for method in operations}
    if "GET" in found or not found:
        found |= {"GET", "HEAD"}
    return sorted(found)
