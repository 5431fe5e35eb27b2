"""Which recordings --audio_file names: files, folders, patterns, and standard input.

A folder gives the audio files that lie directly in it, told by their endings; a pattern gives every
file that it matches, whatever its ending, and `**` in it goes through all folders below. Both leave
out names that start with a dot. A name that is there is taken as it is, even if it looks like a
pattern; a file that is not there is no problem of the list: that recording alone fails, later.
"""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from inputs.wav_scp import ListError, Recording, single_recording

STANDARD_INPUT = "-"
STANDARD_INPUT_ID = "stdin"
_READ_BY_LIBSNDFILE = (
    ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph"
)
_READ_BY_PYAV = ".m4a .mp4 .m4v .mov .mkv .webm .aac .wma .3gp .amr"
AUDIO_ENDINGS = frozenset([*_READ_BY_LIBSNDFILE.split(), *_READ_BY_PYAV.split()])


def named_recordings(
    names: Sequence[str],
    data_dir: str | None,
    recording_id: str | None,
    standard_input: Callable[[], Path],
) -> list[Recording]:
    """Find the recordings, in the order of the names, those of one name in the order of paths.

    Parameters
    ----------
    names : Sequence[str]
        What --audio_file was given. A file that is named twice is one recording.
    data_dir : str | None
        Where relative names start, else where we are.
    recording_id : str | None
        The id, where there is one recording.
    standard_input : Callable[[], Path]
        Reads standard input into a file; called only where a name is `-`.

    Raises
    ------
    ListError
        If a folder or pattern gives no file, an id cannot be used, or two files have one id.
    """
    found = {name: _expanded(name, data_dir) for name in names}
    problems = [_nothing_in(name, data_dir) for name, files in found.items() if not files]
    paths = dict.fromkeys(path for files in found.values() for path in files)
    if recording_id and len(paths) > 1:
        problems.append(
            f"--recording_id {recording_id} is the id of one recording, got {len(paths)} files"
        )
    if problems:
        raise ListError(problems)
    return _distinct(_made(path, data_dir, recording_id, standard_input) for path in paths)


def _expanded(name: str, data_dir: str | None) -> list[str]:
    """The paths that a name stands for, relative to `data_dir` as the name is."""
    place = Path(data_dir or "") / name
    try:
        if name == STANDARD_INPUT or place.is_file():
            return [name]
        if place.is_dir():
            return [str(Path(name) / file) for file in _audio_files(place)]
    except OSError:  # it may not even be looked at: as a file that is not there
        return [name]
    if not glob.has_magic(name):
        return [name]
    matches = glob.glob(name, root_dir=data_dir, recursive=True)  # noqa: PTH207 - names as typed
    return sorted(match for match in matches if (Path(data_dir or "") / match).is_file())


def _nothing_in(name: str, data_dir: str | None) -> str:
    folder = Path(data_dir or "") / name
    if not folder.is_dir():
        return f"no file matches the pattern {name!r}, expected at least one"
    return (
        f"folder {folder} holds no audio file, expected one that ends as .wav, .flac, .mp3 and so "
        f"on; {str(Path(name) / '**' / '*.wav')!r} goes through the folders in it"
    )


def _audio_files(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if _is_audio(path))
    except OSError as error:
        raise ListError([f"cannot read folder {folder}: {error.strerror}"]) from error


def _is_audio(path: Path) -> bool:
    visible = not path.name.startswith(".")
    return visible and path.suffix.lower() in AUDIO_ENDINGS and path.is_file()


def _made(
    path: str, data_dir: str | None, recording_id: str | None, standard_input: Callable[[], Path]
) -> Recording:
    if path == STANDARD_INPUT:
        return Recording(recording_id or STANDARD_INPUT_ID, standard_input())
    recording = single_recording(path, data_dir)
    return Recording(recording_id, recording.path) if recording_id else recording


def _distinct(recordings: Iterable[Recording]) -> list[Recording]:
    """Refuse ids that two files have; the same file under two names is one recording."""
    by_id: dict[str, Recording] = {}
    problems = []
    for recording in recordings:
        first = by_id.setdefault(recording.recording_id, recording)
        if os.path.realpath(first.path) != os.path.realpath(recording.path):
            problems.append(
                f"recording id {recording.recording_id!r} is that of {first.path} and of "
                f"{recording.path}, expected one file for each: rename one, or give ids by --wavscp"
            )
    if problems:
        raise ListError(problems)
    return list(by_id.values())
