"""What --resume needs to know of existing results: their audio, their settings, their files.

Every run with an output directory writes it there, one line of JSON for each answer, before the
answer's files. Files that differ from their line were cut, changed or written by another program;
files without a line are those of an older client or of another program.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from console.run_report import log
from formats.answer_texts import RTTM_PREFIX, file_name
from formats.atomic_file import OutputError, write_atomically
from formats.result import FormatError
from formats.rttm import turns_in_rttm
from inputs.audio_files import AudioError
from inputs.recordings import Recording
from sending.outcome import Answer

FILE_NAME = ".resume.jsonl"
MAX_NAMED = 20
_NETWORKS = ("models", "mode", "speaker_network")  # of INFO
_UNKNOWN: dict[str, Any] = {"audio": {}, "settings": None, "networks": None}


class Notes:
    """Notes of an output directory.

    Parameters
    ----------
    directory
        Where results are; need not exist.
    settings
        What a result depends on, beside its audio and the service's networks; JSON values.

    Raises
    ------
    OutputError
        If the notes exist but cannot be read.
    """

    def __init__(self, directory: Path, settings: Mapping[str, object]) -> None:
        self.path = directory / FILE_NAME
        self._settings = dict(settings)
        self._notes = self._read()
        self._audio: dict[str, dict[str, Any]] = {}  # audio of this run
        self._networks: list[Any] | None = None  # of this run's service

    def kept(
        self, recordings: Iterable[Recording], files_of: Callable[[str], list[Path]]
    ) -> dict[str, bytes]:
        """Read the RTTM of recordings whose files are complete, unchanged and up to date.

        A warning names existing results that are not kept, by reason, and those that are kept
        without notes.

        Parameters
        ----------
        recordings
            Of this run.
        files_of
            Returns the files that a recording should have.

        Returns
        -------
        dict[str, bytes]
            By recording id.
        """
        kept: dict[str, bytes] = {}
        faults: dict[str, list[str]] = {}
        for recording in recordings:
            name = recording.recording_id
            files = files_of(name)
            if not all(file.is_file() for file in files):
                continue
            try:
                texts = {file.name: file.read_bytes() for file in files}
                fault = self._fault(recording, texts)
            except OSError as error:
                fault = f"{error.filename} cannot be read ({error.strerror})"
            if fault is None:
                kept[name] = texts[RTTM_PREFIX + name]
            else:
                faults.setdefault(fault, []).append(name)
        self._warn(kept, faults)
        return kept

    def _warn(self, kept: Iterable[str], faults: Mapping[str, list[str]]) -> None:
        for fault, names in faults.items():
            log.warning("%d result(s) made again, since %s: %s", len(names), fault, _shorten(names))
        if unnoted := [name for name in kept if self._made(name)["settings"] is None]:
            log.warning(
                "%d result(s) kept without a note of their audio and settings, as an older client "
                "wrote them: %s; without --resume they are made again",
                len(unnoted),
                _shorten(unnoted),
            )

    def note_audio(self, recording: Recording) -> None:
        """Take the checksum of a recording's audio, before it is read to be sent.

        Raises
        ------
        AudioError
            If it cannot be read.
        """
        try:
            stamp = _stamp(recording.path)
            self._audio[recording.recording_id] = {
                "stamp": stamp,
                "sha256": _sha256(recording.path),
            }
        except OSError as error:
            raise AudioError(f"cannot read {recording.path}: {error.strerror}") from error

    def note(self, answer: Answer, texts: Mapping[str, bytes]) -> None:
        """Note an answer whose files are about to be written, perhaps again.

        Parameters
        ----------
        answer
            Of this run, or of an earlier one with other names.
        texts
            Content of every file, by token.

        Raises
        ------
        OutputError
            If the notes cannot be written.
        """
        name = answer.recording.recording_id
        made = self._made(name)
        if name in self._audio:
            self._networks = [answer.info.get(key) for key in _NETWORKS]
            made = {
                "audio": self._audio[name],
                "settings": self._settings,
                "networks": self._networks,
            }
        files = {file_name(token, name): _digest(text) for token, text in texts.items()}
        self._notes[name] = {**made, "files": files}
        line = _line(name, self._notes[name])
        try:
            with self.path.open("ab") as file:
                file.write(b"\n" + line)  # ends a line that an interrupted run may have cut
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error

    def of_other_networks(self, names: Iterable[str]) -> set[str]:
        """Return the results that were made with other networks than the service has now."""
        if self._networks is None:
            return set()
        noted = {name: self._made(name)["networks"] for name in names}
        return {name for name, own in noted.items() if own not in (None, self._networks)}

    def tidy(self) -> None:
        """Keep one line for each result, including those that other runs added meanwhile."""
        write_atomically(self.path, b"".join(_line(*each) for each in self._read().items()))

    def _made(self, name: str) -> dict[str, Any]:
        return {**_UNKNOWN, **self._notes.get(name, {})}

    def _read(self) -> dict[str, dict[str, Any]]:
        """Read the notes by recording id, of several the last; damaged lines are skipped."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise OutputError(f"cannot read {self.path}: {error.strerror}") from error
        notes = {}
        for line in content.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                note = json.loads(line)
                notes[note["recording_id"]] = {
                    "audio": dict(note["audio"] or {}),
                    "settings": note["settings"],
                    "networks": note["networks"],
                    "files": dict(note["files"]),
                }
        return notes

    def _fault(self, recording: Recording, texts: Mapping[str, bytes]) -> str | None:
        """Return why a result has to be made again, or None."""
        name = recording.recording_id
        note = self._notes.get(name)
        if note is None:
            good = _reads_back(texts[RTTM_PREFIX + name], name)
            return None if good else "their RTTM cannot be read back"
        if any(note["files"].get(file) != _digest(text) for file, text in texts.items()):
            return "their files are not as they were written"
        if note["settings"] is None:
            return None
        if note["settings"] != self._settings:
            return f"they were made with {_differences(note['settings'], self._settings)}"
        if not _is_of(note["audio"], recording.path):
            return "their audio has changed"
        return None


def _reads_back(rttm: bytes, recording_id: str) -> bool:
    """Whether it is the complete RTTM of this recording; without turns it may have been cut."""
    try:
        turns_in_rttm(text := rttm.decode())
    except (FormatError, UnicodeDecodeError):
        return False
    ids = {line.split()[1] for line in text.splitlines()}
    return ids == {recording_id} and text.endswith("\n")


def _is_of(audio: Mapping[str, Any], path: Path) -> bool:
    """Whether the file is the one that was sent; so is one that cannot be read any more.

    As in git's index, a file whose status is unchanged is not read again.
    """
    try:
        return audio.get("stamp") == _stamp(path) or audio.get("sha256") == _sha256(path)
    except OSError:
        return True


def _stamp(path: Path) -> list[int]:
    """Return what changes with the content; unlike mtime, ctime cannot be set."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = sorted({*one, *other})
    return " and ".join(f"another {name}" for name in names if one.get(name) != other.get(name))


def _line(recording_id: str, note: Mapping[str, Any]) -> bytes:
    return json.dumps({"recording_id": recording_id, **note}).encode() + b"\n"


def _shorten(names: list[str]) -> str:
    rest = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
