"""The step between an answer and its files: speakers get the names of voices.

--link_speakers names all voices at the end of a run, so the answers are kept until then, as the
service gave them, in a file of the output directory. With them a resumed run gives the same names
as one without interruption.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from console.run_report import log
from inputs.recordings import Recording
from sending.outcome import SPEAKER_COLUMN, Answer
from voices.database import Kind, is_new, reading, writing
from voices.linking import link_speakers
from voices.matching import EnrolledVoices
from voices.speakers import NEEDED_OUTPUTS, Speakers, read_speakers, rename_speakers
from voices.voice import VoicesError

LINKS_FILE = ".link.db"
LINKS = Kind(
    what="the answers that --link_speakers keeps",
    application_id=0x564F4C4B,  # "VOLK"
    version=1,
    schema="""
CREATE TABLE answers (
    recording_id TEXT PRIMARY KEY,
    rttm BLOB NOT NULL,
    info TEXT NOT NULL,
    confidences TEXT NOT NULL,
    labels TEXT NOT NULL,
    n_speakers INTEGER NOT NULL,
    embeddings BLOB NOT NULL
)""",
)
_LITTLE_ENDIAN = np.dtype("<f4")
_COLUMNS = "rttm, info, confidences, labels, n_speakers, embeddings"


class Naming:
    """Names the speakers of a run's answers; without voices and kept answers it changes nothing.

    Parameters
    ----------
    enrolled
        Who is enrolled.
    kept
        Where answers are kept until they are linked; None if they are not to be linked.
    threshold
        Least mean cosine at which the speakers of several recordings are one.
    """

    def __init__(
        self, enrolled: EnrolledVoices | None, kept: "KeptAnswers | None", threshold: float
    ) -> None:
        self._enrolled = enrolled
        self._kept = kept
        self._threshold = threshold
        self._kind: str | None = None  # of this run's embeddings

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the service that naming needs beside RTTM and INFO."""
        return NEEDED_OUTPUTS if self._enrolled or self._kept else ()

    def reusable(
        self, recordings: Iterable[Recording], rttms: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Return those of an earlier run's RTTMs that need no new request, by recording id.

        All of them, unless they are to be linked: then those whose answers are kept and have the
        same turns.
        """
        if self._kept is None:
            return dict(rttms)
        found = {}
        for answer in self._kept.load(recordings):
            name = answer.recording.recording_id
            if name in rttms and _same_turns(rttms[name], answer.rttm):
                self._check_kind(read_speakers(answer))
                found[name] = rttms[name]
        return found

    def name_speakers(self, answer: Answer) -> Answer:
        """Give enrolled speakers their names, and keep the answer for linking.

        Raises
        ------
        VoicesError
            If the voices are not comparable with the service's, or the answer cannot be kept.
        FormatError
            If the answer contradicts itself.
        """
        if not self.outputs:
            return answer
        names = self.enrolled_names(answer.recording, read_speakers(answer))
        if self._kept:
            self._kept.save(answer)
        return rename_speakers(answer, names)

    def enrolled_names(self, recording: Recording, speakers: Speakers) -> dict[str, str]:
        """Find the names of a recording's enrolled speakers, by their own names.

        Raises
        ------
        VoicesError
            If the voices are not comparable with the service's.
        """
        self._check_kind(speakers)
        found = self._enrolled.match(speakers) if self._enrolled else {}
        for own, match in found.items():
            log.debug("%s: %s is %s, cosine %.2f", recording.recording_id, own, *match)
        return {own: match.name for own, match in found.items()}

    def forget(self, recording_id: str) -> None:
        """Forget the kept answer of a recording that failed."""
        if self._kept:
            self._kept.delete(recording_id)

    def link_answers(self, recordings: Iterable[Recording]) -> list[Answer]:
        """Give every voice one name in all kept answers, in the order of the recordings."""
        if self._kept is None:
            return []
        answers = list(self._kept.load(recordings))
        speakers = [read_speakers(answer) for answer in answers]
        for each in speakers:
            self._check_kind(each)
        found = [self._enrolled.match(each) if self._enrolled else {} for each in speakers]
        enrolled = [{own: match.name for own, match in each.items()} for each in found]
        renamings = link_speakers(speakers, enrolled, self._threshold)
        voices = {name for each in renamings for name in each.values()}
        log.info(
            "linked: the speakers of %d recording(s) are %d voice(s)", len(answers), len(voices)
        )
        return [rename_speakers(*pair) for pair in zip(answers, renamings, strict=True)]

    def _check_kind(self, speakers: Speakers) -> None:
        """Refuse embeddings that cannot be compared with those before."""
        if not speakers.names:
            return
        if self._kind not in (None, speakers.kind):
            raise VoicesError(
                f"got embeddings of the speaker network {speakers.kind}, expected {self._kind}, as "
                "in the recordings before: those of different networks cannot be compared"
            )
        self._kind = speakers.kind


class KeptAnswers:
    """Answers as the service gave them, by recording id; every method may raise VoicesError.

    Parameters
    ----------
    directory
        The output directory, which exists.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LINKS_FILE

    def save(self, answer: Answer) -> None:
        """Save an answer, in place of an earlier one of the same recording."""
        embeddings = np.empty((0, 0)) if answer.embeddings is None else answer.embeddings
        values = (
            answer.recording.recording_id,
            answer.rttm,
            json.dumps(dict(answer.info)),
            json.dumps(answer.confidences),
            json.dumps(answer.labels),
            len(embeddings),
            embeddings.astype(_LITTLE_ENDIAN).tobytes(),
        )
        with writing(self.path, LINKS) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", values
            )

    def delete(self, recording_id: str) -> None:
        """Delete the answer of a recording, if there is one."""
        if not is_new(self.path):
            with writing(self.path, LINKS) as connection:
                connection.execute("DELETE FROM answers WHERE recording_id = ?", (recording_id,))

    def load(self, recordings: Iterable[Recording]) -> Iterator[Answer]:
        """Load the answers of these recordings, in their order, without those that are missing."""
        if is_new(self.path):
            return
        with reading(self.path, LINKS) as connection:
            for recording in recordings:
                row = _row(connection, recording.recording_id)
                if row is not None:
                    yield self._answer(recording, row)

    def _answer(self, recording: Recording, row: tuple[Any, ...]) -> Answer:
        try:
            answer = _decode(recording, row)
            read_speakers(answer)  # finds contradictions
            return answer
        except (ValueError, TypeError, AttributeError) as error:
            raise VoicesError(
                f"{self.path} is damaged at {recording.recording_id!r} ({error}): run without "
                "--resume, which sends all recordings again"
            ) from error


def _same_turns(one: bytes, other: bytes) -> bool:
    """Whether two RTTMs are equal but for the speakers' names."""
    return _without_names(one) == _without_names(other)


def _without_names(rttm: bytes) -> list[list[bytes]]:
    lines = (line.split() for line in rttm.splitlines())
    return [[*fields[:SPEAKER_COLUMN], *fields[SPEAKER_COLUMN + 1 :]] for fields in lines]


def _row(connection: sqlite3.Connection, recording_id: str) -> tuple[Any, ...] | None:
    query = f"SELECT {_COLUMNS} FROM answers WHERE recording_id = ?"
    row: tuple[Any, ...] | None = connection.execute(query, (recording_id,)).fetchone()
    return row


def _decode(recording: Recording, row: tuple[Any, ...]) -> Answer:
    rttm, info, confidences, labels, n_speakers, blob = row
    embeddings = np.frombuffer(blob, _LITTLE_ENDIAN).astype(np.float32)
    shape = (n_speakers, -1) if n_speakers else (0, 0)
    return Answer(
        recording,
        rttm,
        json.loads(info),
        elapsed_s=0.0,
        confidences=json.loads(confidences),
        labels=json.loads(labels),
        embeddings=embeddings.reshape(shape),
    )
