"""Every subject with every length of recording, in turn."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from console.run_report import log
from diarization.arrays import Samples
from measure.benchmarking.audio import write_recording
from measure.benchmarking.runs import LengthResult, Material, Run

ONCE_FROM_S = 3600.0  # a recording this long is its own average


class Subject(Protocol):
    """Something that diarizes: a mode of the service, or a peer."""

    @property
    def name(self) -> str:
        """How the report calls it."""

    @property
    def is_peer(self) -> bool:
        """Whether it is another program."""

    def run(self, material: Material) -> Run:
        """Diarize one recording."""


def made(folder: Path, sources: Sequence[Samples], length_s: float, with_wav: bool) -> Material:
    """Write a recording of this length."""
    material = Material(
        length_s, folder / f"audio_{length_s:g}s.flac", folder / f"audio_{length_s:g}s.wav"
    )
    write_recording(material.flac, sources, length_s)
    if with_wav:
        write_recording(material.wav, sources, length_s)
    return material


def measured(
    subjects: Sequence[Subject],
    material: Material,
    repeats: int,
    tell: Callable[[str], None] = log.info,
) -> list[LengthResult]:
    """Run all subjects in turn, `repeats` times, on one recording."""
    runs: dict[str, list[Run]] = {subject.name: [] for subject in subjects}
    for _ in range(repeats if material.audio_s < ONCE_FROM_S else 1):
        for subject in subjects:
            run = subject.run(material)
            runs[subject.name].append(run)
            how = f"{run.wall_s:.2f} s" if run.failure is None else run.failure
            tell(f"{material.audio_s:g} s of audio, {subject.name}: {how}")
    upload_bytes = material.flac.stat().st_size
    return [
        LengthResult(
            subject.name, subject.is_peer, material.audio_s, upload_bytes, runs[subject.name]
        )
        for subject in subjects
    ]
