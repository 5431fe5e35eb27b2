"""What one run of one recording through one system gave, and runs of the same kind together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diarization.measurements import STAGES_OF_MODE
from measure.benchmarking.spread import Spread

HOUR_S = 3600.0
STAGES = STAGES_OF_MODE["full"]  # the classic mode has no others
OTHER, TRANSPORT, TOTAL = "other", "transport", "total"


@dataclass(frozen=True)
class Material:
    """One recording to measure with.

    Parameters
    ----------
    audio_s : float
        Its length.
    flac, wav : Path
        The same samples in two formats; the wav is there only where a peer needs it.
    """

    audio_s: float
    flac: Path
    wav: Path


@dataclass(frozen=True)
class Floor:
    """Seconds that ONNX Runtime alone needs for the same numbers of windows and chunks."""

    n_windows: int
    n_chunks: int
    speaker_s: float
    segmentation_s: float

    @property
    def total_s(self) -> float:
        """Both nets, one after the other."""
        return self.speaker_s + self.segmentation_s


@dataclass(frozen=True)
class Run:
    """One run.

    Parameters
    ----------
    wall_s : float
        From before sending, or starting, until the answer is there.
    peak_bytes : int
        Most PSS of all its processes.
    stage_s : Mapping[str, float]
        The server's stages, with `total`; empty for a peer.
    floor : Floor | None
        None for a peer.
    failure : str | None
        Why there is no answer; the other values mean nothing then.
    """

    wall_s: float
    peak_bytes: int
    stage_s: Mapping[str, float] = field(default_factory=dict)
    floor: Floor | None = None
    failure: str | None = None


@dataclass(frozen=True)
class LengthResult:
    """All runs of one subject (a mode or a peer) with recordings of one length."""

    subject: str
    is_peer: bool
    audio_s: float
    upload_bytes: int
    runs: Sequence[Run]

    @property
    def good(self) -> list[Run]:
        """Runs that were answered."""
        return [run for run in self.runs if run.failure is None]

    @property
    def wall_s(self) -> Spread | None:
        """Of the runs that were answered; None if none was."""
        return Spread.of([run.wall_s for run in self.good]) if self.good else None

    @property
    def median_s(self) -> float | None:
        """Median time; None if no run was answered."""
        return None if self.wall_s is None else self.wall_s.median

    @property
    def peak_bytes(self) -> int | None:
        """Most that any run took; None if none was answered."""
        return max((run.peak_bytes for run in self.good), default=None)

    @property
    def middle(self) -> Run | None:
        """The run of median time (of two, the faster one); None if none was answered."""
        ordered = sorted(self.good, key=lambda run: run.wall_s)
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    @property
    def overhead(self) -> float | None:
        """Median time over the median floor; None where there is no floor."""
        floors = [run.floor.total_s for run in self.good if run.floor]
        if not floors or not self.wall_s or not min(floors):
            return None
        return self.wall_s.median / Spread.of(floors).median


def all_stages(run: Run) -> dict[str, float]:
    """Seconds by stage: the server's, `other`, `transport`.

    `other` is what the server's total has beyond its stages; nothing where stages that ran side by
    side (decoding and speech detection ahead of the nets) add up to more.
    """
    known = {stage: run.stage_s.get(stage, 0.0) for stage in STAGES}
    total_s = run.stage_s.get(TOTAL, 0.0)
    return {
        **known,
        OTHER: max(0.0, total_s - sum(known.values())),
        TRANSPORT: run.wall_s - total_s,
    }
