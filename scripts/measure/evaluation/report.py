"""The report of a run: a JSON document with every figure, and the folder of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from formats import RTTM
from formats.atomic_file import write_atomically
from formats.output import RttmFolder
from measure.evaluation.compare import FORMAT
from measure.evaluation.results import (
    RecordingResult,
    Scores,
    SetResult,
    mean_scores,
    worst_recordings,
)
from measure.kit.report import output_errors, rounded, write_json
from sending.outcome import Answer, Outcome

JSON_NAME, MARKDOWN_NAME = "evaluation.json", "evaluation.md"
RTTM_FOLDER, PICTURE_FOLDER, LENGTHS_NAME = "rttm", "timelines", "lengths.png"


def report_of(
    sets: Sequence[SetResult], options: Mapping[str, Any], origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Put a run into a JSON document, with the command line and `provenance`."""
    return {
        "format": FORMAT,
        **origin,
        "options": dict(options),
        "mean": {"scores": _scores(mean_scores(sets))},
        "sets": [_set(each) for each in sets],
    }


def _set(result: SetResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "scores": _scores(result.scores),
        "false_speech_percent": rounded(result.false_speech_percent),
        "speaker_counts": {
            "exact": result.n_within(0),
            "within_one": result.n_within(1),
        },
        "audio_s": rounded(result.audio_s),
        "wall_s": rounded(result.wall_s),
        "stage_s": rounded(result.stage_s),
        "left_out": list(result.left_out),
        "recordings": [_recording(each) for each in result.recordings],
    }


def _recording(result: RecordingResult) -> dict[str, Any]:
    return {
        "recording_id": result.recording_id,
        "scores": _scores(result.scores),
        "false_speech_percent": rounded(result.false_speech_percent),
        "n_speakers": list(result.n_speakers),
        "audio_s": rounded(result.audio_s),
        "elapsed_s": rounded(result.elapsed_s),
        "info": dict(result.info),
        "failure": result.failure,
    }


def _scores(scores: Scores) -> list[dict[str, float]]:
    return [rounded(asdict(score)) for score in scores]


class ReportFolder:
    """A folder for the files of a run; every method may raise OutputError.

    Parameters
    ----------
    directory
        Created, with its parents, where it is missing.
    """

    def __init__(self, directory: Path) -> None:
        RttmFolder(directory)  # fails at once if nothing can be written there
        self.directory = directory

    def write_rttm(self, set_name: str, outcomes: Mapping[str, Outcome]) -> None:
        """Write the answers of a set as the client would."""
        folder = RttmFolder(self.directory / RTTM_FOLDER / set_name)
        folder.begin()
        rttms = {}
        for recording_id, outcome in outcomes.items():
            if isinstance(outcome, Answer):
                rttms[recording_id] = outcome.rttm
                folder.put(recording_id, {RTTM: outcome.rttm})
            else:
                folder.drop(recording_id, outcome.reason)
        folder.finish(rttms)

    def write_report(self, report: Mapping[str, Any], markdown: str) -> None:
        """Write the report in both forms."""
        write_json(self.directory / JSON_NAME, report)
        write_atomically(self.directory / MARKDOWN_NAME, markdown)

    def draw(self, sets: Sequence[SetResult], n_worst: int) -> int:
        """Draw pictures, and remove those of an earlier run.

        Figures against length are drawn if lengths differ, and timelines of the `n_worst`
        recordings of the highest error rates.

        Returns
        -------
        int
            Number of timelines.
        """
        from measure.evaluation.pictures import draw_lengths, draw_timeline  # they need matplotlib

        lengths, folder = self.directory / LENGTHS_NAME, self.directory / PICTURE_FOLDER
        worst = worst_recordings(sets, n_worst)
        with output_errors(self.directory):
            folder.mkdir(exist_ok=True)
            for old in (lengths, *folder.glob("[0-9][0-9]_*.png")):
                old.unlink(missing_ok=True)
            if any(each.by_length for each in sets):
                draw_lengths(sets, lengths)
            for rank, (of_set, result) in enumerate(worst, start=1):
                title = "\n".join(
                    [f"{of_set.name} {result.recording_id}", *map(str, result.scores)]
                )
                name = f"{rank:02d}_{of_set.name}_{result.recording_id}.png"
                draw_timeline(result, title, folder / name)
        return len(worst)
