"""What the page shows of a job: its turns, the waveform, the sound, and the report as one file."""

import asyncio
import contextlib
import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO

from formats.atomic_file import OutputError, temporary_path, write_atomically
from formats.result import Result
from inputs.audio_files import AudioError
from viewer.document import build_document
from viewer.page import MOST_EMBEDDED_BYTES, build_page
from viewer.sound import PEAKS_PER_S, Outline, encode_sound
from web.http.problems import ProblemError, no_such_job
from web.jobs.work_folder import AUDIO, PEAKS, SOUND, WorkFolder

PIECE_BYTES = 3 * 2**16  # of sound; Base64 makes four characters of three bytes
PLACEHOLDER_BYTES = 30  # as random as an id, so that nothing else in a page equals it
N_DECODERS = 2  # each reads a whole recording: not more, however many pages are open


class SharedWork:
    """Runs each piece of work once, however many requests wait for it.

    It has its own threads: FastAPI's are few, and waiting there would block all other requests.
    """

    def __init__(self, n_threads: int) -> None:
        self._running: dict[str, Future[None]] = {}
        self._threads = ThreadPoolExecutor(n_threads)

    async def run(self, key: str, work: Callable[[], None]) -> None:
        """Wait for the work of this key; it continues if the request is cancelled."""
        future = self._running.get(key)
        if future is None:
            future = self._running[key] = self._threads.submit(work)
            future.add_done_callback(lambda _: self._running.pop(key, None))
        await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Views:
    """Views of jobs; slow parts are made on demand, once, and kept.

    Every method may raise ProblemError 404, if the job was removed. Await `prepare` before the
    others.
    """

    def __init__(self, folder: WorkFolder) -> None:
        self._folder = folder
        self._decoding = SharedWork(N_DECODERS)
        self._closing = threading.Event()

    async def prepare(self, job_id: str) -> None:
        """Make the outline of the waveform, and the recording as FLAC, unless they exist.

        All browsers play FLAC and seek in it exactly: a recording from a browser has no length and
        cannot be sought, and mp3 is up to 70 ms off after a seek (see `viewer.sound`).
        """
        if not self._folder.path(job_id, PEAKS).is_file():
            await self._decoding.run(job_id, partial(self._decode, job_id))

    def document(self, job_id: str, result: Result) -> dict[str, Any]:
        """Make the viewer's document, as `viewer.document` describes it."""
        return build_document(result, self._outline(job_id, result), None)

    def report(self, job_id: str, result: Result) -> Iterator[bytes]:
        """Make the page that needs no network; without the sound of a very long recording.

        The sound is read in pieces: many reports at a time would not fit the memory.
        """
        outline = self._outline(job_id, result)
        with _removed_is_404():
            sound = self._folder.path(job_id, SOUND).open("rb")
        if os.fstat(sound.fileno()).st_size > MOST_EMBEDDED_BYTES:
            sound.close()
            return iter([build_page(result, None, outline, b"").encode()])
        placeholder = secrets.token_bytes(PLACEHOLDER_BYTES)
        page = build_page(result, None, outline, placeholder)
        head, tail = page.split(b64encode(placeholder).decode())
        return _with_sound(head.encode(), sound, tail.encode())

    def close(self) -> None:
        """Cancel the work in progress, and start nothing more."""
        self._closing.set()
        self._decoding.close()

    def _outline(self, job_id: str, result: Result) -> Outline:
        with _removed_is_404():
            peaks = self._folder.path(job_id, PEAKS).read_bytes()
        return Outline(result.audio_ms or len(peaks) * 1000 // PEAKS_PER_S, peaks)

    def _decode(self, job_id: str) -> None:
        peaks, sound = self._folder.path(job_id, PEAKS), self._folder.path(job_id, SOUND)
        part = temporary_path(sound.parent)
        audio = self._folder.path(job_id, AUDIO)

        def stopped() -> bool:
            return self._closing.is_set() or not audio.exists()

        with _removed_is_404():
            try:
                with part.open("xb") as file:
                    outline = encode_sound(file, audio, stopped)
                self._folder.keep_sound(job_id, part)
            except AudioError as error:
                if not stopped():
                    raise ProblemError(422, "the recording cannot be played") from error
                raise
            finally:
                part.unlink(missing_ok=True)
            write_atomically(peaks, outline.peaks)  # last: it marks the work as complete


@contextlib.contextmanager
def _removed_is_404() -> Iterator[None]:
    try:
        yield
    except (AudioError, FileNotFoundError, OutputError) as error:
        if isinstance(error, OutputError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise no_such_job() from error


def _with_sound(head: bytes, sound: BinaryIO, tail: bytes) -> Iterator[bytes]:
    with sound:
        yield head
        while piece := sound.read(PIECE_BYTES):
            yield b64encode(piece)
        yield tail
