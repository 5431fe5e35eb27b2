"""The outcome of one recording: an answer of the service, or a failure with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.result import Doubt
from inputs.recordings import Recording

SPEAKER_COLUMN = 7  # of RTTM


@dataclass(frozen=True)
class Answer:
    """The service's answer for one recording.

    Parameters
    ----------
    recording
        What was sent.
    rttm
        RTTM lines, each with a line feed; empty if there is no speech.
    info
        The service's report on its work (INFO); any key may be missing.
    elapsed_s
        Seconds from sending to the answer's arrival.
    confidences
        One per turn, 0 to 1, if requested.
    labels
        One per turn, its speaker's row in `embeddings`, if requested.
    embeddings
        shape=(n_speakers, dim), if requested.
    """

    recording: Recording
    rttm: bytes
    info: Mapping[str, Any]
    elapsed_s: float
    confidences: Sequence[float] | None = None
    labels: Sequence[int] | None = None
    embeddings: NDArray[np.float32] | None = field(default=None, compare=False)

    @property
    def audio_s(self) -> float | None:
        """Length of the audio in seconds, if the service reported it."""
        length_s = self.info.get("audio_s")
        return float(length_s) if isinstance(length_s, int | float) else None

    @property
    def n_separate(self) -> int | None:
        """Number of channels if the service diarized each on its own; else None."""
        n_channels = self.info.get("n_channels")
        separate = self.info.get("channels") == "separate" and isinstance(n_channels, int)
        return n_channels if separate else None

    @property
    def doubt(self) -> Doubt | None:
        """Whether more speakers may be present than were found, if the service reported it."""
        share, likely = self.info.get("unlike_share"), self.info.get("more_speakers_likely")
        if isinstance(share, int | float) and isinstance(likely, bool) and 0 <= share <= 1:
            return Doubt(float(share), likely)
        return None

    @property
    def n_speakers(self) -> int:
        """Number of speakers, counted in the RTTM."""
        lines = [line.split() for line in self.rttm.splitlines()]
        return len({fields[SPEAKER_COLUMN] for fields in lines if len(fields) > SPEAKER_COLUMN})


@dataclass(frozen=True)
class Failure:
    """One recording without an answer, and why, in one sentence.

    `transient` if the same request may succeed later, `refused` if the request itself is wrong.
    """

    recording: Recording
    reason: str
    transient: bool = False
    refused: bool = False


Outcome = Answer | Failure
