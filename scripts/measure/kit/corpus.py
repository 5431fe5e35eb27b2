"""Which recordings are measured, in sets, with the reference of each.

A recording's reference is a list of RTTM lines. It is empty where the recording is known to hold
no speech: its RTTM file has no turn, or no recording of its whole folder has an RTTM file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inputs.recordings import AUDIO_ENDINGS, ListError, Recording, read_wav_scp, single_recording
from scoring.scores import read_reference

Reference = Mapping[str, list[str]]


@dataclass(frozen=True)
class EvaluationSet:
    """Recordings that are scored together.

    Parameters
    ----------
    name
        Of the folder or the list.
    recordings
        Those with a reference, in the order in which they are sent.
    reference
        RTTM lines of each of them by id; none where there is no speech.
    left_out
        Ids of recordings without a reference, which are not sent.
    """

    name: str
    recordings: tuple[Recording, ...]
    reference: Reference
    left_out: tuple[str, ...] = ()


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


def folder_sets(folders: Iterable[Path], reference: Path | None) -> list[EvaluationSet]:
    """Make a set of each folder's audio files.

    Parameters
    ----------
    folders
        Folders of audio files.
    reference
        RTTM file or folder for all of them; None for a file of the same stem beside each audio
        file.

    Raises
    ------
    ListError, ScoringError
        If a folder or a reference cannot be used.
    """
    shared = None if reference is None else read_reference(reference)
    sets = [_folder_set(folder, shared) for folder in folders]
    counts = Counter(each.name for each in sets)
    if twins := sorted(name for name, n in counts.items() if n > 1):
        raise ListError([f"two folders are named {name!r}, which names a set" for name in twins])
    return sets


def list_set(wavscp: Path, reference: Path, data_dir: str | None) -> EvaluationSet:
    """Make a set of the recordings in a wav.scp, named as the file without its ending.

    Raises
    ------
    ListError, ScoringError
        If the list or the reference cannot be used.
    """
    return _known_set(wavscp.stem, read_wav_scp(wavscp, data_dir), read_reference(reference))


def _folder_set(folder: Path, shared: Reference | None) -> EvaluationSet:
    if not folder.is_dir():
        raise ListError([f"there is no folder {folder}"])
    recordings = [single_recording(str(path)) for path in audio_files(folder)]
    if not recordings:
        raise ListError([f"folder {folder} holds no audio file"])
    _refuse_twins(folder, recordings)
    name = folder.resolve().name
    if shared is not None:
        return _known_set(name, recordings, shared)
    beside = _references_beside(recordings)
    # In a folder where nothing has a reference there is no speech.
    return _known_set(name, recordings, beside or {each.recording_id: [] for each in recordings})


def _known_set(name: str, recordings: list[Recording], reference: Reference) -> EvaluationSet:
    known = [each for each in recordings if each.recording_id in reference]
    if not known:
        raise ListError([f"no recording of set {name!r} has speech in the reference"])
    return EvaluationSet(
        name,
        tuple(known),
        {each.recording_id: reference[each.recording_id] for each in known},
        tuple(each.recording_id for each in recordings if each not in known),
    )


def _references_beside(recordings: Iterable[Recording]) -> dict[str, list[str]]:
    """Read the RTTM file of the same stem beside each recording that has one."""
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


def _refuse_twins(folder: Path, recordings: Iterable[Recording]) -> None:
    first: dict[str, Path] = {}
    for recording in recordings:
        earlier = first.setdefault(recording.recording_id, recording.path)
        if earlier != recording.path:
            names = f"{earlier.name} and {recording.path.name}"
            raise ListError(
                [f"{names} in {folder} both get the recording id {recording.recording_id!r}"]
            )
