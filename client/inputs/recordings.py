"""Which recordings to send: one audio file, or a Kaldi list of them (`wav.scp`).

A list is good as a whole or refused as a whole: a wrong line is a slip that is cheap to mend, and
better found before an hour of work than after it. All problems are told at once, each with its
line number. A missing audio file is no problem of the list: that recording alone fails, later.


Which recordings --audio_file names: files, folders, patterns, and standard input.

A folder gives the audio files that lie directly in it, told by their endings; a pattern gives every
file that it matches, whatever its ending, and `**` in it goes through all folders below. Both leave
out names that start with a dot. A name that is there is taken as it is, even if it looks like a
pattern; a file that is not there is no problem of the list: that recording alone fails, later.


Standard input, read whole into a file: it may have to be packed, and to be sent again.
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

# The service takes ids of at most 255 bytes. Here they are file names too, behind "rttm_", and a
# file name has at most 255 bytes itself.
MAX_ID_BYTES = 255 - len("rttm_")


class ListError(ValueError):
    """The list or an id cannot be used; `problems` holds one sentence for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Recording:
    """One audio file and the id it is diarized under; `line` is its line in wav.scp (from 1)."""

    recording_id: str
    path: Path
    line: int | None = None

    @property
    def place(self) -> str:
        """Where the user named this recording: `line 3: `, or nothing for --audio_file."""
        return "" if self.line is None else f"line {self.line}: "

    @property
    def file_problem(self) -> str | None:
        """Why the audio cannot be read, as far as its name shows; None if it is a file."""
        try:
            return None if self.path.is_file() else f"{self.path} is no file"
        except OSError as error:  # such as a name that is too long, or a closed folder above it
            return f"cannot read {self.path}: {error.strerror}"


def id_problem(recording_id: str) -> str | None:
    """Say what keeps `recording_id` from being a recording id and a file name, or None."""
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
    """Make the recording of --audio_file; its id is the file's stem, forbidden stretches as `_`.

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
    """Read a wav.scp file; relative audio paths start at `data_dir`, else where we are.

    Raises
    ------
    ListError
        If the file cannot be read, holds no recording, or has wrong lines (all are named).
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
    """Split the content of a wav.scp into its recordings and its problems.

    Returns
    -------
    recordings : list[Recording]
        In the order of the list.
    problems : list[str]
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
            problems.append(f"line {number}: recording id {name!r} stands in line {earlier.line}")
    return list(recordings.values()), problems


def _parse_line(raw_line: bytes, number: int, data_dir: str | None) -> Recording | None:
    """Read one line; None for blank lines and `#` comments."""
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
    # Path's own rule: an absolute path on the right wins.
    return Path(data_dir or "") / path


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


_BLOCK_BYTES = 1 << 20


def spooled(until_the_end: contextlib.ExitStack) -> Path:
    """Read standard input into a file that is removed when `until_the_end` closes.

    Raises
    ------
    ListError
        If it is a terminal, is empty, is larger than what can be sent, or finds no room.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ListError(["standard input is a terminal, expected an audio file piped into it"])
    try:
        folder = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="diarization-"))
        path = Path(folder, "standard-input")
        n_bytes = _copied(path)
    except OSError as error:
        raise ListError([f"cannot keep standard input: {error.strerror}"]) from error
    if not n_bytes:
        raise ListError(["standard input is empty, expected an audio file: did its writer fail?"])
    return path


def _copied(path: Path) -> int:
    n_bytes = 0
    with path.open("wb") as file:
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            n_bytes += len(block)
            _refuse_too_large(n_bytes)
            file.write(block)
    return n_bytes


def _refuse_too_large(n_bytes: int) -> None:
    most_bytes = audio_files.MAX_UPLOAD_BYTES
    if n_bytes > most_bytes:
        raise ListError([f"standard input holds more than the {most_bytes} bytes that can be sent"])
