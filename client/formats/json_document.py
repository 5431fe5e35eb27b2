"""JSON for programs: one document of one line per recording; turns.schema.json describes it."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from formats.result import FormatError, Result, Turn, by_speaker

SCHEMA = "diarization-turns/1"


def text(result: Result) -> str:
    """Write the document; FormatError where the service told too little."""
    if result.mode is None:
        raise FormatError("the answer's INFO holds no mode, expected full or classic")
    document = {
        "schema": SCHEMA,
        "recording_id": result.recording_id,
        "audio_s": result.length_ms / 1000,
        "mode": result.mode,
        **(asdict(result.doubt) if result.doubt else {}),
        "speakers": [_speaker(*each) for each in by_speaker(result.turns).items()],
        "turns": [_turn(result, turn) for turn in result.turns],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _speaker(name: str, turns: Iterable[Turn]) -> dict[str, object]:
    talk_ms = sum(turn.end_ms - turn.start_ms for turn in turns)
    return {"speaker": name, "talk_s": talk_ms / 1000}


def _turn(result: Result, turn: Turn) -> dict[str, object]:
    fields: dict[str, object] = {
        "start_s": turn.start_ms / 1000,
        "end_s": turn.end_ms / 1000,
        "speaker": turn.speaker,
        "confidence": turn.confidence,
    }
    return fields if result.n_separate is None else {**fields, "channel": turn.channel}
