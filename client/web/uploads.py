"""Bodies of requests: streamed, counted while they come, and never longer than is allowed."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from web.multipart_form import FormReader
from web.problems import ProblemError

MOST_OVERHEAD_BYTES = 65_536  # of a form, around its file
LEAST_BYTES_PER_S = 1000  # a client that is slower holds a place that others could have
WITHIN_S = 60.0
FORM = "multipart/form-data"


@dataclass
class Upload:
    """A file that has arrived, its name at the client's, and the other fields of its form."""

    path: Path
    n_bytes: int
    file_name: str
    fields: dict[str, str] = field(default_factory=dict)

    def discard(self) -> None:
        """Remove the file, unless it has been moved."""
        self.path.unlink(missing_ok=True)


async def received_form(
    request: Request, folder: Path, most_bytes: int, arrived: Callable[[int], None]
) -> Upload:
    """Stream a form with one `file` to disk.

    Parameters
    ----------
    request : Request
        With the form as its body, of which nothing was read so far.
    folder : Path
        Gets the file, under a name that we choose.
    most_bytes : int
        Size of the largest file.
    arrived : Callable[[int], None]
        Is called with the number of bytes, before they go to disk; may raise ProblemError.

    Raises
    ------
    ProblemError
        400 where the form cannot be read, 408 where it comes too slowly, 413 where it is too
        large, 415 where it is no form, 422 where a field is missing or twice.
    OSError
        Where the file cannot be written. After no error a file is left.
    """
    boundary = _boundary(request)
    handle, name = tempfile.mkstemp(dir=folder)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123  an open descriptor, not a path
            form = FormReader(file, most_bytes)
            parser = MultipartParser(boundary, form.callbacks())
            async for chunk in limited_body(request, most_bytes, MOST_OVERHEAD_BYTES):
                arrived(len(chunk))
                await run_in_threadpool(parser.write, chunk)
        return Upload(Path(name), form.n_bytes, form.finished(), form.fields)
    except FormParserError as error:
        _remove(name)
        raise ProblemError(400, f"the body is no {FORM} as it should be: {error}") from error
    except BaseException:
        _remove(name)
        raise


async def limited_body(
    request: Request, most_bytes: int, overhead_bytes: int = 0
) -> AsyncIterator[bytes]:
    """Yield a body piece by piece; ProblemError 413 as soon as it is longer, 408 if it is slow.

    Overhead is what may come beside what `most_bytes` is told of.
    """
    if (declared_bytes(request) or 0) > most_bytes + overhead_bytes:
        raise too_large(most_bytes)
    n_bytes = n_lately = 0
    left_s = WITHIN_S  # waiting counts, but not the time that whoever takes the pieces needs
    pieces = request.stream()
    while True:
        begun_s = time.monotonic()
        try:
            piece = await asyncio.wait_for(anext(pieces), left_s)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _too_slow(n_lately) from error
        left_s -= time.monotonic() - begun_s
        n_bytes += len(piece)
        n_lately += len(piece)
        if n_lately >= LEAST_BYTES_PER_S * WITHIN_S:
            n_lately, left_s = 0, WITHIN_S
        if n_bytes > most_bytes + overhead_bytes:
            raise too_large(most_bytes)
        if piece:
            yield piece


def declared_bytes(request: Request) -> int | None:
    """How long a body says it is; None where it does not."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else None


def too_large(most_bytes: int) -> ProblemError:
    """Refuse a body by its size."""
    return ProblemError(413, f"the body is too large, expected at most {most_bytes} bytes")


def _too_slow(n_bytes: int) -> ProblemError:
    least = f"expected at least {LEAST_BYTES_PER_S} a second"
    return ProblemError(408, f"{n_bytes} bytes of the body came in {WITHIN_S:g} s, {least}")


def _boundary(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    boundary = parameters.get(b"boundary")
    if kind != FORM.encode() or not boundary:
        raise ProblemError(415, f"expected Content-Type {FORM} with a boundary")
    return boundary


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        Path(name).unlink()
