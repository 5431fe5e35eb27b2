"""How long a recording is, told by its header: nothing is decoded."""

import json
from pathlib import Path

import soundfile

from inputs.audio_files import AudioError, packs_without_loss, refuse_too_large, through_av

MOST_LENGTH_S = 1e6  # beyond it a header lies: one that a pipe left does not know the length


def audio_length_s(path: Path) -> float | None:
    """Read the length in seconds; None where the header does not know it.

    Raises
    ------
    AudioError
        If the file cannot be read, is no audio, or is too large to be sent.
    """
    try:
        with path.open("rb") as file:
            return _plausible(_length_s(path, file.fileno()))
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def _length_s(path: Path, descriptor: int) -> float:
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            if not packs_without_loss(sound):
                refuse_too_large(path, path.stat().st_size)
            return float(sound.frames / sound.samplerate)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        return float(json.loads(through_av(path, reason, "probe"))["length_s"] or 0)


def _plausible(length_s: float) -> float | None:
    return length_s if 0 < length_s <= MOST_LENGTH_S else None
