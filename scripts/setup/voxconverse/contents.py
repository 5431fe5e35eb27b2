"""What a recording and its reference must be."""

from __future__ import annotations

import re
from pathlib import Path

import soundfile

from setup.voxconverse.archives import ContentError

RATE_HZ = 16_000
RTTM_FIELDS = 9  # at least; md-eval's own rule
SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")


def audio_seconds(path: Path, recording_id: str) -> float:
    """Return the length of a recording; `ContentError` if it is not 16 kHz mono audio."""
    try:
        audio = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        raise ContentError(f"{recording_id}: libsndfile cannot read it ({reason})") from error
    if (audio.samplerate, audio.channels) != (RATE_HZ, 1) or not audio.frames:
        raise ContentError(
            f"{recording_id}: {audio.frames} samples, {audio.samplerate} Hz, {audio.channels} "
            f"channel(s), expected some at {RATE_HZ} Hz, 1 channel"
        )
    return float(audio.frames) / RATE_HZ


def check_rttm(path: Path, recording_id: str) -> None:
    """Raise `ContentError` if a file is not the RTTM of a recording, with at least one turn."""
    n_turns = 0
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        fields = raw.decode("utf-8", "replace").split()
        if not fields:
            continue
        n_turns += is_turn(fields, recording_id)
        if not is_turn(fields, recording_id):
            raise ContentError(
                f"line {number} of {recording_id}.rttm is {' '.join(fields)[:80]!r}, expected "
                f"'SPEAKER {recording_id} 1 begin duration <NA> <NA> name <NA>'"
            )
    if not n_turns:
        raise ContentError(f"{recording_id}.rttm holds no turn, expected at least one")


def is_turn(fields: list[str], recording_id: str) -> bool:
    """Tell whether the fields of a line are a turn of this recording."""
    return (
        len(fields) >= RTTM_FIELDS
        and fields[:2] == ["SPEAKER", recording_id]
        and all(map(SECONDS.fullmatch, fields[3:5]))
    )
