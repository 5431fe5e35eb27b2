"""The three nets: inputs to send, and what each should answer, computed in this process.

The expected outputs come from ONNX Runtime on the CPU in single precision, and from silero called
frame by frame as its authors call it. Neither is code of the server.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from measure.benchmarking.audio import SAMPLE_RATE_HZ, Samples
from measure.benchmarking.floor import net_session

SPEAKER_MODEL = "speaker_model"
SEED = 0
N_MELS, FEATURE_SCALE = 80, 3.0  # log-mel features less their mean have about this deviation
CHUNK_SAMPLES = 160_000
FRAME_SAMPLES, STATE_SIZE = 512, 320
TOLERANCE = 1e-4  # of single precision
ONE_SPEAKER, TWO_SPEAKERS = 1, 4  # first classes of the segmentation; class 0 is silence

Array = NDArray[Any]
Outputs = dict[str, Array]


@dataclass(frozen=True)
class Likeness:
    """How outputs in half precision are judged: `measure` of got and expected, at least `least`."""

    name: str
    measure: Callable[[Array, Array], float]
    least: float


@dataclass(frozen=True)
class Net:
    """A Triton model that holds a net.

    Parameters
    ----------
    model
        Its name in the server.
    input_name
        Of the tensor that `example` makes.
    golden
        Input -> expected outputs by name.
    example
        Number of rows, length -> an input of that many rows; the same for the same numbers.
    lengths
        Lengths of an example; the first is the usual one.
    likeness
        For half precision; None for a net that is always in single precision.
    state_name
        Of the input that takes the output `next_state` of the samples before.
    """

    model: str
    input_name: str
    golden: Callable[[Array], Outputs]
    example: Callable[[int, int], Array]
    lengths: tuple[int, ...]
    likeness: Likeness | None = None
    state_name: str | None = None


def nets_of(repository: Path, speech: Samples) -> list[Net]:
    """The nets of a model repository; examples are seeded noise, or pieces of `speech`."""

    def feats(n_rows: int, n_frames: int) -> Array:
        random = np.random.default_rng([SEED, n_rows, n_frames])
        noise = random.standard_normal((n_rows, n_frames, N_MELS), dtype=np.float32)
        return np.float32(FEATURE_SCALE) * noise

    def pieces(n_rows: int, n_samples: int) -> Array:
        starts = np.linspace(0, len(speech) - n_samples, n_rows).astype(int)
        return np.stack([speech[start : start + n_samples] for start in starts])

    return [
        Net(
            SPEAKER_MODEL, "feats",
            onnx_outputs(repository / SPEAKER_MODEL / "1" / "model.onnx"),
            feats, (98, 148, 51, 211), Likeness("cosine", least_cosine, 0.999),
        ),
        Net(
            "segmentation", "wav",
            onnx_outputs(repository / "segmentation" / "1" / "model.onnx"),
            lambda n_rows, n_samples: pieces(n_rows, n_samples)[:, None], (CHUNK_SAMPLES,),
            Likeness("frames alike", share_alike, 0.98),
        ),
        Net(
            "sad", "samples", silero_outputs(repository / "sad" / "1" / "silero_vad.jit"),
            pieces, (SAMPLE_RATE_HZ, 300, 32_123), state_name="state",
        ),
    ]  # fmt: skip


def onnx_outputs(path: Path) -> Callable[[Array], Outputs]:
    """A function that runs an ONNX file of one input."""
    session = net_session(path)
    (name,) = (tensor.name for tensor in session.get_inputs())
    names = [tensor.name for tensor in session.get_outputs()]
    return lambda values: dict(zip(names, session.run(names, {name: values}), strict=True))


def silero_outputs(path: Path) -> Callable[[Array], Outputs]:
    """A function that runs silero over samples, shape=(n_streams, n_samples), frame by frame."""
    with warnings.catch_warnings():  # silero is published as TorchScript only
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        silero = torch.jit.load(path)

    @torch.no_grad()
    def outputs(samples: Array) -> Outputs:
        silero.reset_states()
        if not samples.size:
            return {
                "speech_probs": np.zeros((len(samples), 0), np.float32),
                "next_state": np.zeros((len(samples), STATE_SIZE), np.float32),
            }
        padding = (0, -samples.shape[1] % FRAME_SAMPLES)
        frames = torch.nn.functional.pad(torch.from_numpy(samples), padding).split(FRAME_SAMPLES, 1)
        probs = torch.cat([silero(frame, SAMPLE_RATE_HZ) for frame in frames], 1)
        state = torch.cat([*silero._state, silero._context], 1)
        return {"speech_probs": probs.numpy(), "next_state": state.numpy()}

    return outputs


def least_cosine(got: Array, expected: Array) -> float:
    """The least cosine between rows of embeddings, shape=(n, dim)."""
    norms = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    return float(((got * expected).sum(axis=1) / norms).min())


def share_alike(got: Array, expected: Array) -> float:
    """Share of frames in which as many people speak, of shape=(n, frames, classes).

    Not in which the same class is the likeliest: which voice of a chunk is called the first may
    change with rounding.
    """
    numbers = [
        np.digitize(each.argmax(axis=-1), (ONE_SPEAKER, TWO_SPEAKERS)) for each in (got, expected)
    ]
    return float((numbers[0] == numbers[1]).mean())
