"""What the viewer of the report page shows of a job: its turns, the waveform, and the sound."""

import contextlib
import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

from formats.atomic_file import OutputError, temporary_path, write_atomically
from formats.result import Result
from inputs.audio_files import AudioError
from viewer.document import Outline, document
from viewer.making import MOST_EMBEDDED_BYTES, hear_into, page_of
from viewer.peaks import PEAKS_PER_S
from web.problems import ProblemError
from web.shared_work import SharedWork
from web.work_folder import WorkFolder

PIECE_BYTES = 3 * 2**16  # of sound; Base64 makes four characters of three bytes
PLACE_BYTES = 30  # as random as an id, so that nothing else in a page looks like it
N_HEARD_AT_ONCE = 2  # hearing reads the whole recording: not more, however many pages are opened


class Views:
    """Views of jobs; what takes long is made once, when somebody asks for it, and kept.

    Every method may raise ProblemError 404, where the job was removed meanwhile. All but `heard`
    need that to be awaited first.

    Parameters
    ----------
    folder : WorkFolder
        Of the jobs.
    """

    def __init__(self, folder: WorkFolder) -> None:
        self._folder = folder
        self._hearing = SharedWork(N_HEARD_AT_ONCE)
        self._closing = threading.Event()

    async def heard(self, job_id: str) -> None:
        """Make the waveform's outline, and the recording as FLAC, where they are not there yet.

        All browsers play it, and go exactly where they should: what a browser recorded tells no
        length, and cannot be gone through; mp3 begins up to 70 ms off after a leap (see
        `report_page.embedding`).
        """
        if not self._folder.peaks(job_id).is_file():
            await self._hearing.done(job_id, partial(self._hear, job_id))

    def document(self, job_id: str, result: Result) -> dict[str, Any]:
        """Put together the viewer's document, as `report_page.document` describes it."""
        return document(result, self._outline(job_id, result), None)

    def report(self, job_id: str, result: Result) -> Iterator[bytes]:
        """Write the page that needs no network; the sound of a very long recording is left out.

        The sound comes piece by piece: in the memory, many reports would be too much.
        """
        outline = self._outline(job_id, result)
        with _removed_is_told():
            sound = self._folder.sound(job_id).open("rb")
        if os.fstat(sound.fileno()).st_size > MOST_EMBEDDED_BYTES:
            sound.close()
            return iter([page_of(result, None, outline, b"").encode()])
        place = secrets.token_bytes(PLACE_BYTES)
        head, tail = page_of(result, None, outline, place).split(b64encode(place).decode())
        return _around(head.encode(), sound, tail.encode())

    def close(self) -> None:
        """Break off what is under way, and begin nothing more."""
        self._closing.set()
        self._hearing.close()

    def _outline(self, job_id: str, result: Result) -> Outline:
        with _removed_is_told():
            measured = self._folder.peaks(job_id).read_bytes()
        return Outline(result.audio_ms or len(measured) * 1000 // PEAKS_PER_S, measured)

    def _hear(self, job_id: str) -> None:
        peaks, sound = self._folder.peaks(job_id), self._folder.sound(job_id)
        part = temporary_path(sound.parent)
        audio = self._folder.audio(job_id)

        def stopped() -> bool:
            return self._closing.is_set() or not audio.exists()

        with _removed_is_told():
            try:
                with part.open("xb") as file:
                    outline = hear_into(file, audio, stopped)
                self._folder.keep_sound(job_id, part)
            except AudioError as error:
                if not stopped():
                    raise ProblemError(422, "the recording cannot be played") from error
                raise
            finally:
                part.unlink(missing_ok=True)
            write_atomically(peaks, outline.peaks)  # the last: where it is, all is


@contextlib.contextmanager
def _removed_is_told() -> Iterator[None]:
    try:
        yield
    except (AudioError, FileNotFoundError, OutputError) as error:
        if isinstance(error, OutputError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ProblemError(404, "no such job: it was removed or has expired") from error


def _around(head: bytes, sound: BinaryIO, tail: bytes) -> Iterator[bytes]:
    with sound:
        yield head
        while piece := sound.read(PIECE_BYTES):
            yield b64encode(piece)
        yield tail
