"""What the networks that are served take and give, and which of them are exported by us.

Data only: to read it, torch, ONNX and ONNX Runtime need not be imported.
"""

from __future__ import annotations

from dataclasses import dataclass

N_MELS = 80
CHUNK_SAMPLES = 160000  # 10 s at 16 kHz
CHUNK_FRAMES = 589
POWERSET_CLASSES = 7

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Interface:
    """Name and axes of a network's one input and one output.

    Of the axes an upper-case word is one that must be free, a lower-case word one that may be
    anything but always the same, a number one that must be exactly that. The first is the batch.
    """

    network: str  # for people
    input_name: str
    input_axes: tuple[str | int, ...]
    output_name: str
    output_axes: tuple[str | int, ...]
    tried_shapes: tuple[Shape, ...]  # of the inputs of the trial runs before installation


SPEAKER = Interface(
    network="speaker model",
    input_name="feats",
    input_axes=("B", "T", N_MELS),
    output_name="embs",
    output_axes=("B", "dim"),
    tried_shapes=((1, 148, N_MELS), (3, 200, N_MELS)),
)

SEGMENTATION = Interface(
    network="segmentation model",
    input_name="wav",
    input_axes=("B", 1, CHUNK_SAMPLES),
    output_name="logp",
    output_axes=("B", CHUNK_FRAMES, POWERSET_CLASSES),
    tried_shapes=((1, 1, CHUNK_SAMPLES), (3, 1, CHUNK_SAMPLES)),
)


@dataclass(frozen=True)
class ExportedNetwork:
    """A network whose code is here and which is exported from a public checkpoint."""

    module: str  # of this package: where its code is
    interface: Interface
    compared_shapes: tuple[Shape, ...]  # of the inputs on which the export is held against torch


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
