"""What the viewer of the report page shows of a job: its turns, the waveform, and the sound."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from audio_files import AudioError
from formats.result import Result
from report_page.document import Outline, document
from report_page.making import hear_into, page_of
from report_page.peaks import PEAKS_PER_S
from web.problems import ProblemError
from web.work_folder import WorkFolder
from whole_files import OutputError, temporary_path, write_whole

MOST_SOUND_BYTES = 100_000_000  # of a report: three hours or more; it is put together in memory
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
        self._hearing: dict[str, Future[None]] = {}
        # Its own threads: whoever waits for a long recording holds up nobody else.
        self._threads = ThreadPoolExecutor(N_HEARD_AT_ONCE)

    async def heard(self, job_id: str) -> None:
        """Make the waveform's outline, and the recording as FLAC, where they are not there yet.

        All browsers play it, and go exactly where they should: what a browser recorded tells no
        length, and cannot be gone through; mp3 begins up to 70 ms off after a leap (see
        `report_page.embedding`).
        """
        if self._folder.peaks(job_id).is_file():
            return
        hearing = self._hearing.get(job_id)
        if hearing is None:
            hearing = self._hearing[job_id] = self._threads.submit(self._hear, job_id)
            hearing.add_done_callback(lambda _: self._hearing.pop(job_id, None))
        await asyncio.shield(asyncio.wrap_future(hearing))  # others may wait for it too

    def document(self, job_id: str, result: Result) -> dict[str, Any]:
        """Put together the viewer's document, as `report_page.document` describes it."""
        return document(result, self._outline(job_id, result), None)

    def report(self, job_id: str, result: Result) -> str:
        """Write the page that needs no network; the sound of a very long recording is left out."""
        outline = self._outline(job_id, result)
        sound = self._folder.sound(job_id)
        with _removed_is_told():
            is_small = sound.stat().st_size <= MOST_SOUND_BYTES
            return page_of(result, None, outline, sound.read_bytes() if is_small else b"")

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _outline(self, job_id: str, result: Result) -> Outline:
        with _removed_is_told():
            measured = self._folder.peaks(job_id).read_bytes()
        return Outline(result.audio_ms or len(measured) * 1000 // PEAKS_PER_S, measured)

    def _hear(self, job_id: str) -> None:
        peaks, sound = self._folder.peaks(job_id), self._folder.sound(job_id)
        part = temporary_path(sound.parent)
        with _removed_is_told():
            try:
                with part.open("xb") as file:
                    outline = hear_into(file, self._folder.audio(job_id))
                part.replace(sound)
            except AudioError as error:
                if self._folder.audio(job_id).exists():
                    raise ProblemError(422, "the recording cannot be played") from error
                raise
            finally:
                part.unlink(missing_ok=True)
            write_whole(peaks, outline.peaks)  # the last: where it is, all is


@contextlib.contextmanager
def _removed_is_told() -> Iterator[None]:
    try:
        yield
    except (AudioError, FileNotFoundError, OutputError) as error:
        if isinstance(error, OutputError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ProblemError(404, "no such job: it was removed or has expired") from error
