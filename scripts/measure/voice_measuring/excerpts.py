"""Pieces of recordings: whole or half for the search, one person alone for enrolment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from inputs.recordings import Recording
from measure.evaluation.rttm_turns import Turn, speakers_of, turns_of
from measure.kit.corpus import EvaluationSet
from measure.voice_measuring.people import Person, person

Samples = NDArray[np.float32]
PARTS = ("whole", "first", "second")


@dataclass(frozen=True)
class Excerpt:
    """A piece of a recording, in a file of its own.

    Parameters
    ----------
    recording : Recording
        The file.
    source : str
        Id of the recording it was cut from.
    set_name : str
        Of that recording.
    part : str
        Of that recording: whole, first or second half.
    turns : tuple[Turn, ...]
        Of the reference, seconds from the excerpt's start; none where one person is alone.
    alone : Person | None
        The one who talks, where it is one.
    length_s : float
        Seconds.
    """

    recording: Recording
    source: str
    set_name: str
    part: str
    turns: tuple[Turn, ...]
    alone: Person | None
    length_s: float


def cut(
    each: EvaluationSet, folder: Path, enrol_s: Sequence[float], is_local: bool
) -> Iterator[Excerpt]:
    """Cut a set's recordings into `folder`.

    Parameters
    ----------
    each
        A set; recordings without speech are left out.
    enrol_s
        Lengths of what one person says alone, for everyone who says so much in the whole recording
        or its first half, overlap left out.
    is_local
        Whether names mean nothing beyond a recording.
    """
    for recording in each.recordings:
        turns = turns_of(each.reference[recording.recording_id])
        if not turns:
            continue
        samples, rate_hz = soundfile.read(recording.path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        middle = len(mono) // 2
        spans = zip(PARTS, ((0, len(mono)), (0, middle), (middle, len(mono))), strict=True)
        for part, (begin, end) in spans:
            name = f"{each.name}-{recording.recording_id}-{part}"
            shift_s = begin / rate_hz
            shifted = tuple(Turn(t.begin_s - shift_s, t.end_s - shift_s, t.speaker) for t in turns)
            place = (recording.recording_id, each.name, part)
            file = _written(folder / f"{name}.wav", mono[begin:end], rate_hz)
            yield Excerpt(file, *place, shifted, None, (end - begin) / rate_hz)
            if part == "second":
                continue
            for number, speaker in enumerate(speakers_of(turns)):
                own = mono[begin:end][_alone(shifted, speaker, end - begin, rate_hz)]
                who = person(speaker, recording.recording_id, each.name, is_local)
                for length_s in enrol_s:
                    if len(own) >= length_s * rate_hz:
                        path = folder / f"{name}-{number}-{length_s:g}.wav"
                        file = _written(path, own[: round(length_s * rate_hz)], rate_hz)
                        yield Excerpt(file, *place, (), who, length_s)


def _written(path: Path, samples: Samples, rate_hz: int) -> Recording:
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return Recording(path.stem, path)


def _alone(turns: Sequence[Turn], speaker: str, n_samples: int, rate_hz: int) -> NDArray[np.bool_]:
    own, other = np.zeros(n_samples, bool), np.zeros(n_samples, bool)
    for turn in turns:
        begin, end = (max(0, round(time_s * rate_hz)) for time_s in turn[:2])
        (own if turn.speaker == speaker else other)[begin:end] = True
    return own & ~other
