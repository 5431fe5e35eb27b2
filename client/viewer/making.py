"""From a recording and its turns to the finished page."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from formats.result import Result, Turn
from inputs.audio_files import SERVICE_RATE_HZ, Stopped, never
from viewer.document import Outline, document, within
from viewer.embedding import encode_into
from viewer.page import page
from viewer.peaks import peaks
from viewer.resampling import Samples
from viewer.sound import sound_blocks

MOST_EMBEDDED_BYTES = 300_000_000  # a browser's text ends at about 500 MB; 9 hours or more


def report_of(audio: Path, result: Result, reference: Sequence[Turn] | None = None) -> str:
    """Write the page of one recording.

    Parameters
    ----------
    audio : Path
        The recording.
    result : Result
        Its turns.
    reference : Sequence[Turn] | None
        The true turns, where they are known.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    """
    outline, sound = heard(audio)
    return page_of(result, reference, outline, sound)


def page_of(
    result: Result, reference: Sequence[Turn] | None, outline: Outline, sound: bytes
) -> str:
    """Write the page of what is read already; sound that is too long for a page is left out."""
    carried = sound if len(sound) <= MOST_EMBEDDED_BYTES else b""
    turns = within(result.turns, outline.audio_ms)
    return page(document(result, outline, reference), turns, carried)


def heard(audio: Path) -> tuple[Outline, bytes]:
    """Read a recording once: what its waveform looks like, and the sound for the page."""
    sound = io.BytesIO()
    return hear_into(sound, audio), sound.getvalue()


def hear_into(sound: BinaryIO, audio: Path, stopped: Stopped = never) -> Outline:
    """Read a recording once, and write the sound for a player; what its waveform looks like.

    AudioError if it cannot be read, or as soon as `stopped` says so.
    """
    measured: list[bytes] = []
    n_samples = 0

    def watched() -> Iterator[Samples]:
        nonlocal n_samples
        for block in sound_blocks(audio, stopped):
            measured.append(peaks(block).tobytes())
            n_samples += len(block)
            yield block

    encode_into(sound, watched())
    return Outline(round(n_samples * 1000 / SERVICE_RATE_HZ), b"".join(measured))
