"""A job's file as an answer, whole or in ranges."""

from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from web.answering import NO_STORE
from web.problems import ProblemError

ASKED_METHOD = "web.asked_method"  # in a scope: HEAD, where its method says GET


async def stored_file(path: Path, media_type: str) -> FileResponse:
    """Answer with a file; ProblemError 404 where its job has been removed."""
    try:
        status = await run_in_threadpool(path.stat)
    except FileNotFoundError as error:
        raise ProblemError(404, "no such job: it was removed or has expired") from error
    return _StoredFile(path, headers=NO_STORE, media_type=media_type, stat_result=status)


class _StoredFile(FileResponse):
    """Reads nothing of the file where only its headers were asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "method": scope[ASKED_METHOD]}, receive, send)
