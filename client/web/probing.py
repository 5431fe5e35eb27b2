"""What an upload is, judged by its content alone: its media type, and its length if it tells."""

import json
from dataclasses import dataclass
from pathlib import Path

import soundfile

from inputs.audio_files import AudioError, through_av
from web.problems import ProblemError

# A file that tells no length counts as long as if it were speech packed as much as is usual.
LEAST_BYTES_PER_S = 2000
_MOST_S = 10 * 24 * 3600.0  # a header that tells more lies
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


@dataclass(frozen=True)
class Probe:
    """What a file is; `audio_s` is its length in seconds, None where it does not tell."""

    media_type: str
    audio_s: float | None


def probe(path: Path) -> Probe:
    """Look into a file.

    Raises
    ------
    ProblemError
        415 if neither libsndfile nor PyAV knows it, or it holds no audio.
    """
    try:
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            media_type = _SOUNDFILE_TYPES.get(sound.format, UNKNOWN_TYPE)
            return Probe(media_type, _believed(sound.frames / sound.samplerate))
    except soundfile.LibsndfileError as error:
        return _probe_by_av(path, str(error.error_string))


def longest_s(found: Probe, n_bytes: int) -> float:
    """Say for how long it counts, whether it tells or not."""
    return n_bytes / LEAST_BYTES_PER_S if found.audio_s is None else found.audio_s


def _probe_by_av(path: Path, reason: str) -> Probe:
    try:
        found = json.loads(through_av(path, reason, "probe"))
    except AudioError as error:
        raise ProblemError(
            415, "the file is no audio that can be read, such as wav, flac, mp3, ogg, m4a or webm"
        ) from error
    audio_s = None if found["length_s"] is None else _believed(found["length_s"])
    return Probe(_AV_TYPES.get(found["format"], UNKNOWN_TYPE), audio_s)


def _believed(audio_s: float) -> float | None:
    return audio_s if 0 <= audio_s <= _MOST_S else None
