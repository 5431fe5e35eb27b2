"""What the viewer shows, as one JSON document: turns, reference, errors, outline of the waveform.

    {
      "schema": "diarization-view/1",
      "recording_id": "sample",
      "audio_s": 30.0,
      "mode": "full",                             absent if unknown
      "doubt": "More speakers may be ...",        absent if the service reported none
      "turns": [{"start_s": 6.756, "end_s": 7.178, "speaker": "SPEAKER_00", "confidence": 0.98}],
      "peaks": {"per_s": 100, "data": "..."},     base64 of a byte per peak, 255 is full scale
      "reference": [{"start_s": ..., "end_s": ..., "speaker": "..."}],   absent without a reference,
      "match": {"SPEAKER_00": "speaker90"},                              as are these three
      "errors": [{"kind": "missed", "start_s": ..., "end_s": ..., "n_speakers": 1,
                  "true": ["speaker90"], "found": []}],
      "score": {"reference_s": ..., "missed_s": ..., "false_alarm_s": ..., "confusion_s": ...}
    }

A turn's "confidence" is null if unknown; "channel", from 1, is present if turns lie in several.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from formats.result import Result, Turn, more_speakers
from viewer.errors import Error, find_errors, match_speakers, total_ms
from viewer.sound import PEAKS_PER_S, Outline

SCHEMA = "diarization-view/1"


def build_document(
    result: Result, outline: Outline, reference: Sequence[Turn] | None
) -> dict[str, Any]:
    """Build it; turns are cut at the audio's end."""
    turns = _cut(result.turns, outline.audio_ms)
    in_channels = any(turn.channel > 1 for turn in turns)
    view: dict[str, Any] = {
        "schema": SCHEMA,
        "recording_id": result.recording_id,
        "audio_s": outline.audio_ms / 1000,
        "turns": [_turn(turn, in_channels) for turn in turns],
        "peaks": {"per_s": PEAKS_PER_S, "data": base64.b64encode(outline.peaks).decode()},
    }
    if result.mode:
        view["mode"] = result.mode
    if result.doubt and result.doubt.more_speakers_likely:
        doubt = more_speakers(result.doubt, "were found", result.n_separate)
        remedy = "" if result.n_separate else " If you know their number, ask for it."
        view["doubt"] = f"{doubt[0].upper()}{doubt[1:]}.{remedy}"
    if reference is not None:
        view.update(_compare(_cut(reference, outline.audio_ms), turns))
    return view


def _cut(turns: Sequence[Turn], audio_ms: int) -> list[Turn]:
    """Cut turns at the audio's end, drop those beyond it, and sort them by start."""
    cut = [replace(turn, end_ms=min(turn.end_ms, audio_ms)) for turn in turns]
    return sorted(
        (turn for turn in cut if turn.start_ms < turn.end_ms),
        key=lambda turn: (turn.start_ms, turn.end_ms),
    )


def _compare(reference: Sequence[Turn], turns: Sequence[Turn]) -> dict[str, Any]:
    match = match_speakers(reference, turns)
    errors = find_errors(reference, turns, match)
    sums = {f"{kind}_s": total / 1000 for kind, total in total_ms(errors).items()}
    # If nothing were found, all of the reference would be missed, speaker by speaker.
    reference_s = total_ms(find_errors(reference, [], {}))["missed"] / 1000
    return {
        "reference": [_times(turn) for turn in reference],
        "match": match,
        "errors": [_error(each) for each in errors],
        "score": {"reference_s": reference_s, **sums},
    }


def _turn(turn: Turn, in_channels: bool) -> dict[str, Any]:
    view = {**_times(turn), "confidence": turn.confidence}
    return {**view, "channel": turn.channel} if in_channels else view


def _times(turn: Turn) -> dict[str, Any]:
    return {
        "start_s": turn.start_ms / 1000,
        "end_s": turn.end_ms / 1000,
        "speaker": turn.speaker,
    }


def _error(error: Error) -> dict[str, Any]:
    return {
        "kind": error.kind,
        "start_s": error.start_ms / 1000,
        "end_s": error.end_ms / 1000,
        "n_speakers": error.n_speakers,
        "true": list(error.true),
        "found": list(error.found),
    }
