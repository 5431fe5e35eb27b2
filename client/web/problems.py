"""The one body of every error: problem details, RFC 9457.

The type is always `about:blank`, so the title is the status' own name and `detail` tells the rest:
what was wrong, what came, what is expected. Nothing of the machine is in it, neither path nor
traceback.
"""

import errno
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class ProblemDocument(BaseModel):
    """Problem details, RFC 9457."""

    class Wrong(BaseModel):
        """One value that is wrong."""

        field: str
        message: str

    type: str = Field(description="Always `about:blank`: the status says what kind it is.")
    title: str = Field(description="The status' name.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was wrong, what came, what is expected.")
    errors: list[Wrong] = Field(default=[], description="All wrong values, where there are some.")


class ProblemError(Exception):
    """A request that cannot be answered as it wishes.

    Parameters
    ----------
    status : int
        Of HTTP, 400 to 599.
    detail : str
        One sentence for the caller.
    headers : Mapping[str, str] | None
        Further headers of the answer.
    errors : Sequence[Mapping[str, str]]
        Where several values are wrong: `field` and `message` of each.
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
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = [dict(error) for error in errors]


def problem_body(problem: ProblemError) -> dict[str, Any]:
    """Put together the JSON object."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return body


def problem_response(problem: ProblemError) -> JSONResponse:
    """Answer with a problem."""
    return JSONResponse(
        problem_body(problem), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def unexplained(status: int) -> ProblemError:
    """Tell an error of which nothing but its status is known."""
    return ProblemError(status, f"{HTTPStatus(status).phrase}: this request cannot be answered")


def unexpected(error: Exception) -> ProblemError:
    """Tell an error that is no fault of the caller, without its text; the log must have that."""
    cause = error.__cause__ or error  # atomic_file raises its own sentence from it
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return ProblemError(507, "there is no room on the disk, try again later")
    return ProblemError(500, "the gateway failed; its log says why")


def later(status: int, detail: str, wait_s: float) -> ProblemError:
    """Refuse for now; `wait_s` tells when it makes sense to come again."""
    return ProblemError(status, detail, {"Retry-After": str(max(1, round(wait_s + 0.5)))})
