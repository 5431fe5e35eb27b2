"""Which recordings are measured, in sets, with the reference of each.

A recording's reference is a list of RTTM lines. It is empty where the recording is known to hold
no speech: its RTTM file has no turn, or no recording of its whole folder has an RTTM file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inputs.recordings import AUDIO_ENDINGS, ListError, Recording, single_recording
from scoring.scores import read_reference


@dataclass(frozen=True)
class EvaluationSet:
    """Recordings of one folder, which are scored together.

    Parameters
    ----------
    name
        Of the folder.
    recordings
        Those with a reference, in the order in which they are sent.
    reference
        RTTM lines of each of them by id; none where there is no speech.
    left_out
        Ids of recordings without a reference, which are not sent.
    """

    name: str
    recordings: tuple[Recording, ...]
    reference: Mapping[str, list[str]]
    left_out: tuple[str, ...] = ()


def sets_below(root: Path) -> list[EvaluationSet]:
    """Make a set of each sub-folder with audio, with the RTTM file of the same stem beside each.

    Raises
    ------
    ListError, ScoringError
        If there is no such folder, or a reference cannot be used.
    """
    return [_set(folder) for folder in folders_below(root)]


def folders_below(root: Path) -> list[Path]:
    """List the sub-folders of `root` that hold audio files, by name; ListError for none."""
    if not root.is_dir():
        raise ListError([f"there is no folder {root}, expected one with a sub-folder for each set"])
    folders = sorted(path for path in root.iterdir() if path.is_dir() and audio_files(path))
    if not folders:
        raise ListError([f"no sub-folder of {root} holds audio files, expected one for each set"])
    return folders


def audio_files(folder: Path) -> list[Path]:
    """List the audio files of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_ENDINGS)


def _set(folder: Path) -> EvaluationSet:
    recordings: dict[str, Recording] = {}
    for path in audio_files(folder):
        recording = single_recording(str(path))
        earlier = recordings.setdefault(recording.recording_id, recording)
        if earlier != recording:
            raise ListError(
                [
                    f"{earlier.path.name} and {path.name} in {folder} both get the recording id "
                    f"{recording.recording_id!r}"
                ]
            )
    beside = _references_beside(recordings.values())
    # In a folder where nothing has a reference there is no speech.
    reference = beside or {recording_id: [] for recording_id in recordings}
    return EvaluationSet(
        folder.name,
        tuple(each for recording_id, each in recordings.items() if recording_id in reference),
        reference,
        tuple(recording_id for recording_id in recordings if recording_id not in reference),
    )


def _references_beside(recordings: Iterable[Recording]) -> dict[str, list[str]]:
    beside = {}
    for recording in recordings:
        file = recording.path.with_suffix(".rttm")
        if not file.is_file():
            continue
        found = read_reference(file)
        if others := sorted(found.keys() - {recording.recording_id}):
            raise ListError(
                [f"{file} describes {others[0]!r}, expected only {recording.recording_id!r}"]
            )
        beside[recording.recording_id] = found.get(recording.recording_id, [])
    return beside
