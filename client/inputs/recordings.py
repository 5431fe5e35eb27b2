"""Which recordings to send: the names given to --audio_file, or a Kaldi list of them (`wav.scp`).

A list or a set of names is accepted as a whole or refused as a whole, with all problems at once: a
mistake in it is cheap to correct, and better found before an hour of work than after it. A missing
audio file is not such a mistake: only that recording fails, later.
"""

import contextlib
import glob
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.text import EXPECTED_IN_IDS, NOT_IN_IDS
from inputs import audio_files

# The service accepts ids of up to 255 bytes. Here they are part of file names, after "rttm_", and
# file names have at most 255 bytes.
MAX_ID_BYTES = 255 - len("rttm_")
STANDARD_INPUT = "-"
STANDARD_INPUT_ID = "stdin"
_READ_BY_LIBSNDFILE = (
    ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph"
)
_READ_BY_PYAV = ".m4a .mp4 .m4v .mov .mkv .webm .aac .wma .3gp .amr"
AUDIO_ENDINGS = frozenset([*_READ_BY_LIBSNDFILE.split(), *_READ_BY_PYAV.split()])
_BLOCK_BYTES = 1 << 20


class ListError(ValueError):
    """A list, a name or an id cannot be used; `problems` holds one sentence for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Recording:
    """One audio file and its recording id; `line` is its line in wav.scp (from 1)."""

    recording_id: str
    path: Path
    line: int | None = None

    @property
    def place(self) -> str:
        """Where the user named this recording: `line 3: `, or nothing for --audio_file."""
        return "" if self.line is None else f"line {self.line}: "

    @property
    def file_problem(self) -> str | None:
        """Why the file cannot be opened, without opening it; None if it is there."""
        try:
            return None if self.path.is_file() else f"file not found: {self.path}"
        except OSError as error:  # such as a name that is too long, or a folder without permission
            return f"cannot read {self.path}: {error.strerror}"


def id_problem(recording_id: str) -> str | None:
    """Return why `recording_id` cannot be an id and part of a file name, or None."""
    found = NOT_IN_IDS.search(recording_id)
    if found:
        return f"recording id {recording_id!r} holds {found.group()!r}, expected {EXPECTED_IN_IDS}"
    if not recording_id:
        return "got an empty recording id, expected at least one character"
    n_bytes = len(recording_id.encode())
    if n_bytes > MAX_ID_BYTES:
        return (
            f"recording id {recording_id[:40]!r}... has {n_bytes} bytes, "
            f"expected at most {MAX_ID_BYTES}"
        )
    return None


def single_recording(path: str, data_dir: str | None = None) -> Recording:
    """Make the recording of one audio file; its id is the file's stem, forbidden characters as `_`.

    Raises
    ------
    ListError
        If the stem is too long to be an id.
    """
    recording_id = NOT_IN_IDS.sub("_", Path(path).stem)
    problem = id_problem(recording_id)
    if problem:
        raise ListError([problem])
    return Recording(recording_id, _located(path, data_dir))


def read_wav_scp(path: Path, data_dir: str | None = None) -> list[Recording]:
    """Read a wav.scp file; relative audio paths start at `data_dir` or the current directory.

    Raises
    ------
    ListError
        If the file cannot be read, holds no recording, or has wrong lines; all of them are named.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListError([f"cannot read {path}: {error.strerror}"]) from error
    if b"\0" in content:
        raise ListError(
            [f"{path} holds a NUL byte, expected a list as text; recordings go to --audio_file"]
        )
    recordings, problems = parse_wav_scp(content, data_dir)
    if not recordings and not problems:
        problems = ["no recording in it, expected lines of '<recording id> <path>'"]
    if problems:
        raise ListError([f"{path}: {problem}" for problem in problems])
    return recordings


def parse_wav_scp(content: bytes, data_dir: str | None = None) -> tuple[list[Recording], list[str]]:
    """Parse the content of a wav.scp.

    Returns
    -------
    recordings
        In the order of the list.
    problems
        One sentence for each wrong line, with its number.
    """
    recordings: dict[str, Recording] = {}
    problems: list[str] = []
    for number, raw_line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            recording = _parse_line(raw_line, number, data_dir)
        except ListError as error:
            problems += error.problems
            continue
        if recording is None:
            continue
        name = recording.recording_id
        earlier = recordings.setdefault(name, recording)
        if earlier is not recording:
            problems.append(f"line {number}: recording id {name!r} is also in line {earlier.line}")
    return list(recordings.values()), problems


def find_recordings(
    names: Sequence[str],
    data_dir: str | None,
    recording_id: str | None,
    read_standard_input: Callable[[], Path],
) -> list[Recording]:
    """Find the recordings of --audio_file, by name and, for each name, by path.

    A folder gives the audio files directly in it, judged by their endings. A pattern gives every
    file that it matches, whatever its ending; `**` matches folders at any depth. Names that start
    with a dot are left out. An existing file is taken even if its name looks like a pattern.

    Parameters
    ----------
    names
        A file that is named twice is one recording.
    data_dir
        Where relative names start; the current directory if None.
    recording_id
        The id, if there is one recording.
    read_standard_input
        Copies standard input to a file; only called for the name `-`.

    Raises
    ------
    ListError
        If a folder or pattern gives no file, an id cannot be used, or two files have one id.
    """
    found = {name: _expand(name, data_dir) for name in names}
    problems = [_nothing_found(name, data_dir) for name, files in found.items() if not files]
    paths = dict.fromkeys(path for files in found.values() for path in files)
    if recording_id and len(paths) > 1:
        problems.append(
            f"--recording_id {recording_id} is the id of one recording, got {len(paths)} files"
        )
    if problems:
        raise ListError(problems)
    recordings = []
    for path in paths:
        if path == STANDARD_INPUT:
            recording = Recording(STANDARD_INPUT_ID, read_standard_input())
        else:
            recording = single_recording(path, data_dir)
        recordings.append(Recording(recording_id or recording.recording_id, recording.path))
    return _refuse_shared_ids(recordings)


def spool_standard_input(until_the_end: contextlib.ExitStack) -> Path:
    """Copy standard input to a file, which is removed when `until_the_end` closes.

    A file, because it may have to be packed, and to be sent again.

    Raises
    ------
    ListError
        If it is a terminal, is empty, is too large to be sent, or cannot be stored.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ListError(["standard input is a terminal, expected an audio file piped into it"])
    try:
        folder = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="diarization-"))
        path = Path(folder, "standard-input")
        n_bytes = _copy_standard_input(path)
    except OSError as error:
        raise ListError([f"cannot store standard input: {error.strerror}"]) from error
    if not n_bytes:
        raise ListError(["standard input is empty, expected an audio file: did its writer fail?"])
    return path


def _parse_line(raw_line: bytes, number: int, data_dir: str | None) -> Recording | None:
    """Parse one line; None for blank lines and `#` comments."""
    try:
        line = raw_line.decode().strip()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise ListError([f"line {number}: byte {byte:#04x} is not UTF-8"]) from error
    if not line or line.startswith("#"):
        return None
    recording_id, *rest = line.split(maxsplit=1)
    problem = id_problem(recording_id) or _path_problem(line, rest)
    if problem:
        raise ListError([f"line {number}: {problem}"])
    return Recording(recording_id, _located(rest[0], data_dir), number)


def _path_problem(line: str, rest: list[str]) -> str | None:
    if not rest:
        return f"expected '<recording id> <path>', got {line!r}"
    if rest[0].endswith("|"):
        return (
            f"got the Kaldi pipe {rest[0]!r}, expected a path: this client runs no commands; "
            "run it first and list the file it makes"
        )
    return None


def _located(path: str, data_dir: str | None) -> Path:
    return Path(data_dir or "") / path  # which is `path` if that is absolute


def _expand(name: str, data_dir: str | None) -> list[str]:
    """Return the paths of a name, relative to `data_dir` as the name is."""
    place = _located(name, data_dir)
    try:
        if name == STANDARD_INPUT or place.is_file():
            return [name]
        if place.is_dir():
            return [str(Path(name) / file) for file in _audio_files(place)]
    except OSError:  # without permission to look: handled like a missing file
        return [name]
    if not glob.has_magic(name):
        return [name]
    matches = glob.glob(name, root_dir=data_dir, recursive=True)  # noqa: PTH207 - names as typed
    return sorted(match for match in matches if _located(match, data_dir).is_file())


def _nothing_found(name: str, data_dir: str | None) -> str:
    folder = _located(name, data_dir)
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


def _refuse_shared_ids(recordings: Iterable[Recording]) -> list[Recording]:
    """Refuse two files with one id; the same file under two names is one recording."""
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


def _copy_standard_input(path: Path) -> int:
    n_bytes = 0
    with path.open("wb") as file:
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            n_bytes += len(block)
            if n_bytes > audio_files.MAX_UPLOAD_BYTES:
                raise ListError(
                    [
                        f"standard input holds more than the {audio_files.MAX_UPLOAD_BYTES} bytes "
                        "that can be sent"
                    ]
                )
            file.write(block)
    return n_bytes
