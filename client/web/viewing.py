"""What the viewer of the report page shows of a job: its turns, the waveform, and the sound."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audio_files import AudioError
from formats.result import Result
from report_page.document import Outline, document
from report_page.making import hear_into, page_of
from report_page.peaks import PEAKS_PER_S
from web.problems import ProblemError
from web.work_folder import WorkFolder
from whole_files import temporary_path, write_whole

MOST_SOUND_BYTES = 100_000_000  # of a report: three hours or more; it is put together in memory
# Hearing reads the whole recording: not more at a time, however many pages are opened.
_HEARING = threading.BoundedSemaphore(2)


class Views:
    """Views of jobs; what takes long is made once, when somebody asks for it, and kept.

    Every method may raise ProblemError 404, where the job was removed meanwhile.

    Parameters
    ----------
    folder : WorkFolder
        Of the jobs.
    """

    def __init__(self, folder: WorkFolder) -> None:
        self._folder = folder

    def document(self, job_id: str, result: Result) -> dict[str, Any]:
        """Put together the viewer's document, as `report_page.document` describes it."""
        return document(result, self._outline(job_id, result), None)

    def sound(self, job_id: str) -> Path:
        """Where the recording is as FLAC: all browsers play it, and go exactly where they should.

        What a browser recorded tells no length, and cannot be gone through; mp3 begins up to 70 ms
        off after a leap (see `report_page.embedding`).
        """
        self._hear(job_id)
        return self._folder.sound(job_id)

    def report(self, job_id: str, result: Result) -> str:
        """Write the page that needs no network; the sound of a very long recording is left out."""
        outline = self._outline(job_id, result)
        sound = self.sound(job_id)
        with _HEARING, _removed_is_told():
            is_small = sound.stat().st_size <= MOST_SOUND_BYTES
            return page_of(result, None, outline, sound.read_bytes() if is_small else b"")

    def _outline(self, job_id: str, result: Result) -> Outline:
        self._hear(job_id)
        with _removed_is_told():
            measured = self._folder.peaks(job_id).read_bytes()
        return Outline(result.audio_ms or len(measured) * 1000 // PEAKS_PER_S, measured)

    def _hear(self, job_id: str) -> None:
        peaks, sound = self._folder.peaks(job_id), self._folder.sound(job_id)
        if peaks.is_file():
            return
        with _HEARING, _removed_is_told():
            if peaks.is_file():  # somebody else asked at the same time
                return
            part = temporary_path(sound.parent)
            try:
                with part.open("xb") as file:
                    outline = hear_into(file, self._folder.audio(job_id))
                part.replace(sound)
            finally:
                part.unlink(missing_ok=True)
            write_whole(peaks, outline.peaks)  # the last: where it is, all is


@contextlib.contextmanager
def _removed_is_told() -> Iterator[None]:
    try:
        yield
    except (AudioError, OSError) as error:
        raise ProblemError(404, "no such job: it was removed or has expired") from error
