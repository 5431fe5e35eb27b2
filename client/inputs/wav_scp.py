"""Which recordings to send: one audio file, or a Kaldi list of them (`wav.scp`).

A list is good as a whole or refused as a whole: a wrong line is a slip that is cheap to mend, and
better found before an hour of work than after it. All problems are told at once, each with its
line number. A missing audio file is no problem of the list: that recording alone fails, later.
"""

from dataclasses import dataclass
from pathlib import Path

from console.characters import EXPECTED_IN_IDS, NOT_IN_IDS

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
