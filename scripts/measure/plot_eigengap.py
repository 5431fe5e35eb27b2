"""Draw how many speakers the graphs of recordings show: one graph for all, and one per stretch.

    export PYTHONPATH=model_repo/run/1
    python scripts/measure/plot_eigengap.py short.flac long.flac --output docs/accuracy-graph.png

A column per recording, with the windows that the full mode clusters. Above, the former rule: all of
them in one graph, each joined to the 2 % that are most like it, 7 at least and 100 at most. Below,
the present rule: a graph per stretch; numbers are sums over the stretches. The true speakers are
those of <id>.rttm beside <id>.flac. A speaker with fewer windows than a window has edges is tied to
others whatever the voice; these are counted too.

PYTHONPATH names the library of the model `run`: this program runs its stages itself. It needs
`./scripts/setup.sh --dev`; 94 minutes of audio took 8 minutes and 2.8 GB on 2 cores.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from diarization.arrays import (
    SAMPLE_RATE_HZ,
    Chunks,
    Embeddings,
    Features,
    Labels,
    Posteriors,
    SadState,
    Samples,
    SpeechProbs,
)
from diarization.audio import decode_blocks
from diarization.clustering import stretches_of, unit_length
from diarization.fbank import fbank
from diarization.options import Options
from diarization.pipeline import embedded_blocks
from diarization.spectral import affinity_graph, count_by_eigengap, smallest_eigenpairs
from formats.result import Turn, speakers_of
from formats.rttm import read_rttm, turns_of
from measure.kit import ROOT

FORMER_SHARE, FORMER_LEAST, FORMER_MOST = 0.02, 7, 100  # edges per window
MOST_SPEAKERS = 100  # that the eigengap looks for
N_DRAWN = 65  # eigenvalues
NO_SPEAKER = -1
PANEL_INCH = (2.75, 3.2)
LINE, GAP, TRUTH = "#1f77b4", "#d62728", "#555555"

Values = NDArray[np.float64]


class LocalModels:
    """`diarization.pipeline.Models` in this process."""

    def __init__(self) -> None:
        import onnxruntime
        import torch

        repository = ROOT / "model_repo"
        sys.path.append(str(repository / "sad" / "1"))
        from silero import SileroSequence

        self._tensor = torch.from_numpy
        self._silero = SileroSequence(torch.jit.load(repository / "sad" / "1" / "silero_vad.jit"))
        self._segmentation, self._speaker = (
            onnxruntime.InferenceSession(
                repository / name / "1" / "model.onnx", providers=["CPUExecutionProvider"]
            )
            for name in ("segmentation", "speaker_model")
        )

    def speech_probs(self, samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        """Probabilities of speech, and silero's state."""
        before = None if state is None else self._tensor(state)
        probs, after = self._silero(self._tensor(samples[None]), before)
        return probs.numpy()[0], after.numpy()

    def segment(self, batches: Iterable[Chunks]) -> Iterator[Posteriors]:
        """Probabilities of the powerset classes."""
        for batch in batches:
            yield np.exp(self._segmentation.run(None, {"wav": batch})[0])

    def fbank(self, samples: Samples, window_type: str) -> Features:
        """Features of a block."""
        return fbank(samples, window_type)

    def embed(self, batches: Iterable[Features]) -> Iterator[Embeddings]:
        """Embeddings of windows."""
        for batch in batches:
            yield self._speaker.run(None, {"feats": batch})[0]


def clustered_windows(
    audio: Iterable[Samples], models: LocalModels, options: Options
) -> tuple[Values, Embeddings]:
    """Return the windows that the full mode clusters, in seconds, and their unit embeddings.

    Raises
    ------
    ValueError
        If they are too few for a graph, or the audio cannot be decoded.
    """
    blocks, embeddings = embedded_blocks(audio, models, options)
    if not embeddings:
        raise ValueError("no speech found")
    frames = options.frames
    chosen = np.concatenate([block.shares for block in blocks]) >= frames.cluster_share
    if chosen.sum() < options.cluster.few_windows:
        raise ValueError(
            f"got {chosen.sum()} windows with speech, expected {options.cluster.few_windows}"
        )
    windows = np.concatenate([block.windows + block.offset for block in blocks])[chosen]
    return windows / SAMPLE_RATE_HZ, unit_length(np.concatenate(embeddings)[chosen])


def speakers_of_windows(windows: Values, turns: Sequence[Turn]) -> Labels:
    """Number of the speaker who talks longest in each window, shape=(n, 2) in seconds, or -1."""
    names = speakers_of(turns)
    talk = np.zeros((1 + len(names), len(windows)))  # first row: no speaker
    for turn in turns:
        ends, begins = windows[:, 1], windows[:, 0]
        within = np.minimum(ends, turn.end_ms / 1000) - np.maximum(begins, turn.start_ms / 1000)
        talk[1 + names.index(turn.speaker)] += np.maximum(within, 0)
    return talk.argmax(axis=0) - 1


class Spectrum(NamedTuple):
    """What a graph of some windows shows."""

    values: Values  # smallest eigenvalues of the Laplacian D - A, ascending
    n_edges: int  # per window
    talkers: Labels  # windows of each true speaker

    @property
    def n_found(self) -> int:
        """Number of speakers by the largest gap between two eigenvalues."""
        return count_by_eigengap(self.values)


def spectrum(unit: Embeddings, n_edges: int, talker: Labels) -> Spectrum:
    """Join each window to the `n_edges` others most like it; `talker` numbers its true speaker."""
    n_searched = max(2, len(unit) // Options().cluster.windows_per_speaker)
    n_values = min(len(unit), n_searched + 1, MOST_SPEAKERS + 1)
    values, _ = smallest_eigenpairs(affinity_graph(unit, n_edges), n_values)
    _, talkers = np.unique(talker[talker != NO_SPEAKER], return_counts=True)
    return Spectrum(values, n_edges, talkers)


def former_and_present(
    unit: Embeddings, talker: Labels, options: Options
) -> tuple[list[Spectrum], list[Spectrum]]:
    """Return the spectrum of one graph for all windows, and those of the stretches."""
    n, rules = len(unit), options.cluster
    n_edges = min(max(round(FORMER_SHARE * n), FORMER_LEAST), FORMER_MOST)
    parts = np.array_split(np.arange(n), stretches_of(n, rules))
    stretches = [spectrum(unit[part], rules.neighbours, talker[part]) for part in parts]
    return [spectrum(unit, n_edges, talker)], stretches


def panel_text(spectra: Sequence[Spectrum]) -> str:
    """Sum up the graphs of a panel."""
    n_edges = spectra[0].n_edges
    n_found = sum(each.n_found for each in spectra)
    talkers = np.concatenate([each.talkers for each in spectra])
    return (
        f"graphs: {len(spectra)}, edges per window: {n_edges}\n"
        f"speakers: {n_found} by the gaps, {len(talkers)} true\n"
        f"true with under {n_edges} windows: {np.count_nonzero(talkers < n_edges)}"
    )


def draw_panel(axes: Axes, spectra: Sequence[Spectrum]) -> None:
    """Eigenvalues of each graph as a line, its largest gap in another colour."""
    is_one = len(spectra) == 1
    line_width, gap_width, dot_size = (1.5, 2.5, 5) if is_one else (0.5, 0.7, 2)
    for each in spectra:
        drawn = each.values[:N_DRAWN]
        axes.plot(np.arange(1, len(drawn) + 1), drawn, color=LINE, linewidth=line_width)
        ends = [each.n_found, each.n_found + 1]
        gap = each.values[each.n_found - 1 : each.n_found + 1]
        axes.plot(ends, gap, "o-", color=GAP, linewidth=gap_width, markersize=dot_size, zorder=3)
    if is_one:
        axes.axvline(len(spectra[0].talkers), color=TRUTH, linestyle="--", zorder=0)
    axes.set_title(panel_text(spectra), loc="left", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(linewidth=0.3)


def draw_recording(column: Sequence[Axes], path: Path, models: LocalModels) -> None:
    """Draw and print both rules for a recording; OSError or ValueError if it cannot be used."""
    options = Options()
    reference = read_rttm(path.with_suffix(".rttm"))
    turns = turns_of(line for lines in reference.values() for line in lines)
    audio = decode_blocks(path.read_bytes(), options.sad.block_s)
    windows, unit = clustered_windows(audio, models, options)
    rows = former_and_present(unit, speakers_of_windows(windows, turns), options)
    for axes, spectra in zip(column, rows, strict=True):
        draw_panel(axes, spectra)
        print(f"{path.name}: {panel_text(spectra)}".replace("\n", ", "), flush=True)
    title = f"{windows[-1, 1] / 60:.0f} minutes, {len(unit)} windows"
    column[0].set_title(f"{title}\n{column[0].get_title(loc='left')}", loc="left", fontsize=9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", metavar="RECORDING", type=Path, nargs="+")
    parser.add_argument("--output", metavar="PICTURE", type=Path, required=True, help="a PNG file")
    options = parser.parse_args(arguments)
    models = LocalModels()
    width, height = PANEL_INCH
    size = (width * len(options.recordings), 2 * height)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(2, len(options.recordings), squeeze=False)
    path = None
    try:
        for column, path in zip(panels.T, options.recordings, strict=True):
            draw_recording(column, path, models)
    except (OSError, ValueError) as error:
        print(f"plot_eigengap: {path}: {error}", file=sys.stderr)
        return 1
    figure.supxlabel("number of the eigenvalue; red: the largest gap; dashed: true speakers")
    panels[0, 0].set_ylabel("eigenvalues of one graph (former rule)")
    panels[1, 0].set_ylabel("eigenvalues, a graph per stretch (now)")
    figure.savefig(options.output, dpi=100)
    return 0


if __name__ == "__main__":
    sys.exit(main())
