"""Pieces of recordings: whole or half for the search, one person alone for enrolment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from formats.result import Turn, speakers_of
from formats.rttm import turns_of
from inputs.recordings import Recording
from measure.kit.corpus import EvaluationSet
from measure.kit.turns import alone_ms, moved

Samples = NDArray[np.float32]
WHOLE, FIRST, SECOND = "whole", "first", "second"
ENROL_S = (4.0, 8.0, 16.0, 30.0)  # of one person alone


class Person(NamedTuple):
    """A speaker of a reference; equal ones are one person.

    `set_name` and `recording_id` are empty unless names are valid within one recording only.
    """

    name: str
    set_name: str = ""
    recording_id: str = ""

    def known_apart(self, other: "Person") -> bool:
        """Whether two people are certainly two.

        Those of two recordings of one set whose names are local may be one.
        """
        if self == other:
            return False
        same_set = self.set_name == other.set_name
        return not self.recording_id or not same_set or self.recording_id == other.recording_id


@dataclass(frozen=True)
class Excerpt:
    """A piece of a recording, in a file of its own."""

    recording: Recording  # the file
    place: tuple[str, str]  # set and id of the recording it was cut from
    part: str  # of that recording: WHOLE, or one of its halves
    turns: tuple[Turn, ...]  # of the reference, from the excerpt's start; none for `alone`
    alone: Person | None  # where only one talks
    length_s: float
    local_names: bool = False  # whether names are valid within this recording only

    def person(self, name: str) -> Person:
        """Return the person of this name in the reference."""
        return Person(name, *self.place) if self.local_names else Person(name)


def cut(each: EvaluationSet, folder: Path, local_names: bool) -> Iterator[Excerpt]:
    """Cut a set's recordings into `folder`; those without speech are left out.

    People alone are cut out for every length of ENROL_S for which the whole recording, or its first
    half, has enough without overlap.
    """
    for recording in each.recordings:
        turns = turns_of(each.reference[recording.recording_id])
        if not turns:
            continue
        samples, rate_hz = soundfile.read(recording.path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        middle = len(mono) // 2
        parts = {WHOLE: (0, len(mono)), FIRST: (0, middle), SECOND: (middle, len(mono))}
        for part, (begin, end) in parts.items():
            stem = f"{each.name}-{recording.recording_id}-{part}"
            audio = mono[begin:end]
            excerpt = Excerpt(
                _write(folder / f"{stem}.wav", audio, rate_hz),
                (each.name, recording.recording_id),
                part,
                tuple(moved(turns, -round(1000 * begin / rate_hz))),
                None,
                len(audio) / rate_hz,
                local_names,
            )
            yield excerpt
            if part != SECOND:
                for number, name in enumerate(speakers_of(turns)):
                    yield from _alone(excerpt, audio, rate_hz, number, name)


def _alone(
    whole: Excerpt, audio: Samples, rate_hz: int, number: int, name: str
) -> Iterator[Excerpt]:
    """Cut what a person says alone out of an excerpt."""
    spans = [
        audio[round(begin * rate_hz / 1000) : round(end * rate_hz / 1000)]
        for begin, end in alone_ms(whole.turns, name)
    ]
    own = np.concatenate([audio[:0], *spans])
    path = whole.recording.path
    for length_s in ENROL_S:
        n_samples = round(length_s * rate_hz)
        if len(own) >= n_samples:
            file = path.with_stem(f"{path.stem}-{number}-{length_s:g}")
            recording = _write(file, own[:n_samples], rate_hz)
            yield Excerpt(recording, whole.place, whole.part, (), whole.person(name), length_s)


def _write(path: Path, samples: Samples, rate_hz: int) -> Recording:
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return Recording(path.stem, path)
