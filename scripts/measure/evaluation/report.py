"""The report of a run as a JSON document: every figure, and what it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from measure.evaluation.compare import FORMAT
from measure.evaluation.results import RecordingResult, Scores, SetResult, mean_scores

_DECIMALS = 4


def report_of(
    sets: Sequence[SetResult], options: Mapping[str, Any], origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Put a run into a JSON document.

    Parameters
    ----------
    sets : Sequence[SetResult]
        What was found.
    options, origin : Mapping[str, Any]
        The command line, and `provenance`.
    """
    return {
        "format": FORMAT,
        **origin,
        "options": dict(options),
        "mean": {"scores": _scores(mean_scores(sets))},
        "sets": [_set(each) for each in sets],
    }


def _set(result: SetResult) -> dict[str, Any]:
    counts = result.counts
    return {
        "name": result.name,
        "scores": _scores(result.scores),
        "false_speech_percent": _rounded(result.false_speech_percent),
        "speaker_counts": {
            "n": counts.n,
            "exact": counts.exact,
            "within_one": counts.within_one,
            "found_by_true": counts.confusion(),
        },
        "audio_s": _rounded(result.audio_s),
        "wall_s": _rounded(result.wall_s),
        "stage_s": _rounded_all(result.stage_s),
        "left_out": list(result.left_out),
        "recordings": [_recording(each) for each in result.recordings],
    }


def _recording(result: RecordingResult) -> dict[str, Any]:
    return {
        "recording_id": result.recording_id,
        "scores": _scores(result.scores),
        "false_speech_percent": _rounded(result.false_speech_percent),
        "n_speakers": list(result.n_speakers),
        "audio_s": _rounded(result.audio_s),
        "elapsed_s": _rounded(result.elapsed_s),
        "info": dict(result.info),
        "failure": result.failure,
    }


def _scores(scores: Scores) -> list[dict[str, float]]:
    return [_rounded_all(asdict(score)) for score in scores]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _rounded_all(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in values.items()}
