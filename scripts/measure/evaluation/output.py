"""The files of a run: report as JSON and Markdown, all RTTM, pictures of the worst recordings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from formats import RTTM
from formats.atomic_file import write_atomically
from formats.rttm_files import OutputError, RttmFolder
from measure.evaluation.results import SetResult, worst_recordings
from measure.evaluation.sending import SetRun
from sending.outcome import Answer

JSON_NAME, MARKDOWN_NAME = "evaluation.json", "evaluation.md"
RTTM_FOLDER, PICTURE_FOLDER, LENGTHS_NAME = "rttm", "timelines", "lengths.png"


class ReportFolder:
    """A folder for the files of a run; every method may raise OutputError.

    Parameters
    ----------
    directory : Path
        Made, with its parents, where it is missing.
    """

    def __init__(self, directory: Path) -> None:
        RttmFolder(directory)  # says at once if nothing can be written there
        self.directory = directory

    def write_rttm(self, set_name: str, run: SetRun) -> None:
        """Write the answers of a set as the client would."""
        folder = RttmFolder(self.directory / RTTM_FOLDER / set_name)
        folder.begin()
        rttms = {}
        for recording_id, outcome in run.outcomes.items():
            if isinstance(outcome, Answer):
                rttms[recording_id] = outcome.rttm
                folder.put(recording_id, {RTTM: outcome.rttm})
            else:
                folder.drop(recording_id, outcome.reason)
        folder.finish(rttms)

    def write_report(self, report: Mapping[str, Any], markdown: str) -> None:
        """Write the report in both forms."""
        document = json.dumps(report, indent=1, ensure_ascii=False)
        write_atomically(self.directory / JSON_NAME, document)
        write_atomically(self.directory / MARKDOWN_NAME, markdown)

    def draw_worst(self, sets: Sequence[SetResult], n: int) -> list[Path]:
        """Draw the `n` recordings of the highest error rates; an earlier run's pictures go."""
        from measure.evaluation.timeline_picture import draw_timeline  # only this needs matplotlib

        folder = self.directory / PICTURE_FOLDER
        pictures = []
        with output_errors(folder):
            folder.mkdir(exist_ok=True)
            for old in folder.glob("[0-9][0-9]_*.png"):
                old.unlink()
            for rank, (of_set, result) in enumerate(worst_recordings(sets, n), start=1):
                name = f"{of_set.name}_{result.recording_id}"
                title = "\n".join(
                    [f"{of_set.name} {result.recording_id}", *map(str, result.scores)]
                )
                pictures.append(folder / f"{rank:02d}_{name}.png")
                draw_timeline(result, title, pictures[-1])
        return pictures

    def draw_lengths(self, sets: Sequence[SetResult]) -> None:
        """Draw counts and error rates against length, if lengths differ; an old one goes."""
        from measure.evaluation.length_picture import draw_lengths  # only this needs matplotlib

        path = self.directory / LENGTHS_NAME
        with output_errors(path):
            path.unlink(missing_ok=True)
            if any(each.by_length for each in sets):
                draw_lengths(sets, path)


@contextmanager
def output_errors(place: Path) -> Iterator[None]:
    """Turn the system's errors into one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {place}: {error.strerror or error}") from error
