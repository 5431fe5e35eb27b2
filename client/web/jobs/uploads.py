"""How a recording arrives: a form streamed to disk within limits, and what its file contains."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import soundfile
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from inputs.audio_files import AudioError, through_av
from web.http.problems import ProblemError, invalid_field

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM = "multipart/form-data"
FILE_FIELD = "file"
MAX_FIELDS = 20
MAX_FIELD_BYTES = 1000
MAX_OVERHEAD_BYTES = 65_536  # of a form, around its file
MIN_BYTES_PER_S = 1000  # a slower client occupies a place that others could have
PERIOD_S = 60.0  # over which that rate is measured

ASSUMED_BYTES_PER_S = 2000  # of a file of unknown length: speech at a usual bit rate
_MAX_AUDIO_S = 10 * 24 * 3600.0  # a header that declares more is wrong
_SOUNDFILE_TYPES = {
    "WAV": "audio/wav",
    "WAVEX": "audio/wav",
    "RF64": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
    "MP3": "audio/mpeg",
    "MPEG": "audio/mpeg",
    "AIFF": "audio/aiff",
}
_AV_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": "audio/mp4",
    "matroska,webm": "audio/webm",
    "aac": "audio/aac",
    "mp3": "audio/mpeg",
}
UNKNOWN_TYPE = "application/octet-stream"
MEDIA_TYPES = sorted({*_SOUNDFILE_TYPES.values(), *_AV_TYPES.values(), UNKNOWN_TYPE})


@dataclass
class Upload:
    """A file on disk, its name at the client, and the other fields of its form."""

    path: Path
    n_bytes: int
    file_name: str
    fields: dict[str, str]

    def discard(self) -> None:
        """Remove the file, unless it has been moved."""
        self.path.unlink(missing_ok=True)


async def receive_form(
    request: Request, folder: Path, max_bytes: int, reserve: Callable[[int], None]
) -> Upload:
    """Stream a form with one `file` to disk.

    Parameters
    ----------
    request
        Its body must be unread.
    folder
        Gets the file, under a random name.
    max_bytes
        Size limit of the file.
    reserve
        Called with a number of bytes before they go to disk; may raise ProblemError.

    Raises
    ------
    ProblemError
        400 if the form cannot be read, 408 if it arrives too slowly, 413 if it is too large, 415 if
        it is not a form, 422 if a field is missing or repeated.
    OSError
        If the file cannot be written. No error leaves a file.
    """
    boundary = _boundary(request)
    handle, name = tempfile.mkstemp(dir=folder)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123  an open descriptor, not a path
            form = _FormReader(file, max_bytes)
            parser = MultipartParser(boundary, form.callbacks())
            async for chunk in limited_body(request, max_bytes, MAX_OVERHEAD_BYTES):
                reserve(len(chunk))
                await run_in_threadpool(parser.write, chunk)
        return Upload(Path(name), form.n_bytes, form.finish(), form.fields)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        if isinstance(error, FormParserError):
            raise ProblemError(400, f"the body is not a valid {FORM}: {error}") from error
        raise


async def limited_body(
    request: Request, max_bytes: int, overhead_bytes: int = 0
) -> AsyncIterator[bytes]:
    """Yield a body piece by piece; ProblemError 413 as soon as it is too large, 408 if it is slow.

    Overhead is allowed beside `max_bytes`, and not part of the message.
    """
    too_large = ProblemError(413, f"the body is too large, expected at most {max_bytes} bytes")
    if (declared_bytes(request) or 0) > max_bytes + overhead_bytes:
        raise too_large
    n_bytes = n_in_period = 0
    left_s = PERIOD_S  # of waiting for the client, without the time between two pieces
    pieces = request.stream()
    while True:
        started_s = time.monotonic()
        try:
            piece = await asyncio.wait_for(anext(pieces), left_s)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            expected = f"expected at least {MIN_BYTES_PER_S} a second"
            raise ProblemError(
                408, f"{n_in_period} bytes of the body came in {PERIOD_S:g} s, {expected}"
            ) from error
        left_s -= time.monotonic() - started_s
        n_bytes += len(piece)
        n_in_period += len(piece)
        if n_in_period >= MIN_BYTES_PER_S * PERIOD_S:
            n_in_period, left_s = 0, PERIOD_S
        if n_bytes > max_bytes + overhead_bytes:
            raise too_large
        if piece:
            yield piece


def declared_bytes(request: Request) -> int | None:
    """Return the declared length of a body; None without one."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else None


def _boundary(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    boundary = parameters.get(b"boundary")
    if kind != FORM.encode() or not boundary:
        raise ProblemError(415, f"expected Content-Type {FORM} with a boundary")
    return boundary


class _FormReader:
    """The callbacks of python-multipart: the file goes to disk, the fields into `fields`."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self.n_bytes = 0
        self.fields: dict[str, str] = {}
        self._file_name: str | None = None
        self._ended = False
        self._header = {"name": b"", "value": b""}
        self._disposition = b""
        self._name = ""
        self._value = b""

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda *piece: self._extend_header("name", *piece),
            "on_header_value": lambda *piece: self._extend_header("value", *piece),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def finish(self) -> str:
        """Check that the form is complete; return the file's name at the client."""
        if not self._ended:
            raise ProblemError(400, "the form breaks off, expected its closing boundary")
        if self._file_name is None:
            raise invalid_field(FILE_FIELD, "expected a file")
        return self._file_name

    def _begin(self) -> None:
        self._disposition, self._name, self._value = b"", "", b""

    def _extend_header(self, part: str, data: bytes, start: int, end: int) -> None:
        self._header[part] += data[start:end]

    def _end_header(self) -> None:
        if self._header["name"].lower() == b"content-disposition":
            self._disposition = self._header["value"]
        self._header = {"name": b"", "value": b""}

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if name is None:
            raise ProblemError(400, "a part of the form has no name")
        self._name = _decode(name)
        if self._name in self.fields or (self._name == FILE_FIELD and self._file_name is not None):
            raise invalid_field(self._name[:40], "is there twice, expected once")
        if self._name == FILE_FIELD:
            self._file_name = options.get(b"filename", b"").decode(errors="replace")
        elif len(self.fields) == MAX_FIELDS:
            raise ProblemError(422, f"expected at most {MAX_FIELDS} fields")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            self.n_bytes += end - start
            if self.n_bytes > self._max_bytes:
                limit = f"expected at most {self._max_bytes} bytes"
                raise ProblemError(413, f"the file is too large, {limit}")
            self._file.write(data[start:end])
            return
        if len(self._value) + end - start > MAX_FIELD_BYTES:
            raise invalid_field(self._name[:40], f"expected at most {MAX_FIELD_BYTES} bytes")
        self._value += data[start:end]

    def _end_part(self) -> None:
        if self._name != FILE_FIELD:
            self.fields[self._name] = _decode(self._value)

    def _end(self) -> None:
        self._ended = True


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "a field of the form is not UTF-8, expected text") from error


@dataclass(frozen=True)
class AudioInfo:
    """What a file contains; `audio_s` is its length in seconds, None if it does not declare one."""

    media_type: str
    audio_s: float | None


def probe(path: Path) -> AudioInfo:
    """Look into a file, whatever its name.

    Raises
    ------
    ProblemError
        415 if neither libsndfile nor PyAV can read it, or it has no audio.
    """
    try:
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            media_type = _SOUNDFILE_TYPES.get(sound.format, UNKNOWN_TYPE)
            return AudioInfo(media_type, _plausible(sound.frames / sound.samplerate))
    except soundfile.LibsndfileError as error:
        return _probe_with_av(path, str(error.error_string))


def _probe_with_av(path: Path, reason: str) -> AudioInfo:
    try:
        found = json.loads(through_av(path, reason, "probe"))
    except AudioError as error:
        raise ProblemError(
            415,
            "the file is not readable audio, expected wav, flac, mp3, ogg, m4a or webm",
        ) from error
    audio_s = None if found["length_s"] is None else _plausible(found["length_s"])
    return AudioInfo(_AV_TYPES.get(found["format"], UNKNOWN_TYPE), audio_s)


def _plausible(audio_s: float) -> float | None:
    return audio_s if 0 <= audio_s <= _MAX_AUDIO_S else None
