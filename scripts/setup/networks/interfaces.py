"""Inputs and outputs of the networks that are served, and which of them this project exports.

Data only: reading it imports neither torch nor ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass

N_MELS = 80
CHUNK_SAMPLES = 160000  # 10 s at 16 kHz
CHUNK_FRAMES = 589
POWERSET_CLASSES = 7

Shape = tuple[int, ...]
Axes = tuple[str | int, ...]


@dataclass(frozen=True)
class Interface:
    """Name and axes of a network's one input and one output; the first axis is the batch.

    An upper-case word is an axis that must be free, a lower-case word one of any constant size, a
    number one of exactly that size.
    """

    network: str  # for messages
    input_name: str
    input_axes: Axes
    output_name: str
    output_axes: Axes
    trial_shapes: tuple[Shape, ...]  # inputs of the trial runs before installation


SPEAKER = Interface(
    network="speaker model",
    input_name="feats",
    input_axes=("B", "T", N_MELS),
    output_name="embs",
    output_axes=("B", "dim"),
    trial_shapes=((1, 148, N_MELS), (3, 200, N_MELS)),
)

SEGMENTATION = Interface(
    network="segmentation model",
    input_name="wav",
    input_axes=("B", 1, CHUNK_SAMPLES),
    output_name="logp",
    output_axes=("B", CHUNK_FRAMES, POWERSET_CLASSES),
    trial_shapes=((1, 1, CHUNK_SAMPLES), (3, 1, CHUNK_SAMPLES)),
)


@dataclass(frozen=True)
class ExportedNetwork:
    """A network of this package that is exported from a public checkpoint."""

    module: str  # of this package, with the network's code
    interface: Interface
    compared_shapes: tuple[Shape, ...]  # inputs for which the export is compared with torch


CAMPPLUS = ExportedNetwork(
    module="campplus",
    interface=SPEAKER,
    compared_shapes=tuple(
        (n_windows, n_frames, N_MELS)
        for n_windows, n_frames in ((1, 50), (3, 148), (2, 199), (2, 201), (1, 333), (1, 1500))
    ),
)

POWERSET = ExportedNetwork(
    module="segmentation",
    interface=SEGMENTATION,
    compared_shapes=tuple((n_chunks, 1, CHUNK_SAMPLES) for n_chunks in (1, 2, 5)),
)
