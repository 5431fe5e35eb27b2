"""What the viewer of the report page shows of a job: its turns, and the outline of its waveform."""

import threading
from pathlib import Path
from typing import Any

from audio_files import AudioError
from formats.result import Result
from report_page.document import Outline, document
from report_page.peaks import PEAKS_PER_S, peaks
from report_page.sound import sound_blocks
from web.problems import ProblemError
from whole_files import OutputError, write_whole

# Measuring reads the whole recording: not more at a time, however many pages are opened.
_MEASURING = threading.BoundedSemaphore(2)


def view_of(result: Result, audio: Path, kept_peaks: Path) -> dict[str, Any]:
    """Put together the viewer's document, as `report_page.document` describes it.

    Parameters
    ----------
    result : Result
        The turns that hold.
    audio : Path
        The recording.
    kept_peaks : Path
        Where its outline is kept, so that it is measured once.

    Raises
    ------
    ProblemError
        404 if the recording was removed meanwhile.
    """
    try:
        measured = _measured(audio, kept_peaks)
    except (AudioError, OutputError) as error:
        raise ProblemError(404, "no such job: it was removed or has expired") from error
    audio_ms = result.audio_ms or len(measured) * 1000 // PEAKS_PER_S
    return document(result, Outline(audio_ms, measured), None)


def _measured(audio: Path, kept_peaks: Path) -> bytes:
    if not kept_peaks.is_file():
        with _MEASURING:
            write_whole(kept_peaks, b"".join(peaks(each).tobytes() for each in sound_blocks(audio)))
    return kept_peaks.read_bytes()
