"""Powerset speaker segmentation of 10 s chunks, written from the papers.

Plaquet & Bredin 2023 (arXiv 2310.13025) for the powerset classes, Bredin & Laurent 2021 (arXiv
2104.04045) for the layout, Ravanelli & Bengio 2018 (arXiv 1808.00158) for the sinc filters.

A bank of band-pass filters and two convolutions bring 16 kHz samples down to one frame per 270
samples; four bidirectional LSTM layers and two linear ones follow; the classifier gives for every
frame the log-probability of each set of at most two of three speakers, who are numbered within
the chunk only.

Only two numbers per filter were learnt. The filters are computed from them when the weights are
read, so the exported network consists of ordinary layers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from setup.networks.interfaces import POWERSET_CLASSES

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_RATE_HZ = 16000
N_BANDS = 40
FILTER_SAMPLES = 251
FILTER_STRIDE = 10
MIN_LOW_HZ = 50.0
MIN_WIDTH_HZ = 50.0
N_CHANNELS = 60
KERNEL_FRAMES = 5
POOL_FRAMES = 3
HIDDEN_SIZE = 128  # of the LSTMs, per direction, and of the linear layers
LSTM_LAYERS = 4

FILTERS = "sincnet.conv1d.0"
# Classes of pyannote.audio and torch that the checkpoint uses to describe itself.
DESCRIBING_CLASSES = (
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "pyannote.audio.core.task.Specifications",
    "torch.torch_version.TorchVersion",
)


def sinc_filters(low_hz: Tensor, width_hz: Tensor) -> Tensor:
    """Compute band-pass filters from their learnt edges.

    The mean of cos(2 pi f t) over the band is the even filter, that of sin(2 pi f t) the odd one:
    quotients of differences between the band's edges. A Hamming window ends both. Computed in
    single precision, as in training: the exact filters are 3e-6 away and would shift the network's
    log-probabilities by 2e-3.

    Parameters
    ----------
    low_hz, width_hz : (n, 1) float32
        Learnt edge and width of each band, before their minimum values are added.

    Returns
    -------
    (2 n, 1, 251) float32
        The even filters, then the odd ones, as the weight of a convolution.
    """
    low = MIN_LOW_HZ + low_hz.abs()
    high = (low + MIN_WIDTH_HZ + width_hz.abs()).clamp(max=SAMPLE_RATE_HZ / 2)
    half = FILTER_SAMPLES // 2
    rad_per_hz = 2 * math.pi * (torch.arange(-half, half + 1.0) / SAMPLE_RATE_HZ)
    start, end, span = low * rad_per_hz, high * rad_per_hz, (high - low) * rad_per_hz
    even = (end.sin() - start.sin()) / span
    odd = (start.cos() - end.cos()) / span
    even[:, half], odd[:, half] = 1.0, 0.0  # the limits at t = 0, where the quotients are 0 / 0
    window = torch.hamming_window(FILTER_SAMPLES, periodic=False, dtype=torch.float64).float()
    return (torch.cat((even, odd)) * window).unsqueeze(1)


class SincNet(nn.Module):
    """Samples to frames: three rounds of convolution, pooling and normalisation."""

    def __init__(self) -> None:
        super().__init__()
        n_filters = 2 * N_BANDS
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList(
            [
                nn.Conv1d(1, n_filters, FILTER_SAMPLES, stride=FILTER_STRIDE, bias=False),
                nn.Conv1d(n_filters, N_CHANNELS, KERNEL_FRAMES),
                nn.Conv1d(N_CHANNELS, N_CHANNELS, KERNEL_FRAMES),
            ]
        )
        self.norm1d = nn.ModuleList(
            nn.InstanceNorm1d(n, affine=True) for n in (n_filters, N_CHANNELS, N_CHANNELS)
        )

    def forward(self, wav: Tensor) -> Tensor:
        """Map (B, 1, samples) to (B, 60, frames)."""
        filters, *convolutions = self.conv1d
        x: Tensor = filters(self.wav_norm1d(wav)).abs()
        x = self.shrink(x, self.norm1d[0])
        for convolution, norm in zip(convolutions, self.norm1d[1:], strict=True):
            x = self.shrink(convolution(x), norm)
        return x

    @staticmethod
    def shrink(x: Tensor, norm: nn.Module) -> Tensor:
        """Keep the largest of every three frames, normalise each channel."""
        y: Tensor = norm(nn.functional.max_pool1d(x, POOL_FRAMES))
        return nn.functional.leaky_relu(y)


class Segmentation(nn.Module):
    """Chunks of samples to log-probabilities of the powerset classes of each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = SincNet()
        self.lstm = nn.LSTM(
            N_CHANNELS, HIDDEN_SIZE, num_layers=LSTM_LAYERS, bidirectional=True, batch_first=True
        )
        self.linear = nn.ModuleList(
            [nn.Linear(2 * HIDDEN_SIZE, HIDDEN_SIZE), nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE)]
        )
        # No speaker; 1; 2; 3; 1 and 2; 1 and 3; 2 and 3.
        self.classifier = nn.Linear(HIDDEN_SIZE, POWERSET_CLASSES)

    def forward(self, wav: Tensor) -> Tensor:
        """Segment chunks.

        Parameters
        ----------
        wav : (B, 1, 160000) float32
            Samples at 16 kHz; gain and offset hardly matter, each chunk is normalised.

        Returns
        -------
        (B, 589, 7) float32
            Logarithms of probabilities. Frame i stands for the 991 samples from 270 i on.
        """
        x: Tensor = self.lstm(self.sincnet(wav).transpose(1, 2))[0]
        for linear in self.linear:
            x = nn.functional.leaky_relu(linear(x))
        logits: Tensor = self.classifier(x)
        return logits.log_softmax(-1)


class Ignored:
    """Placeholder for a class that a checkpoint names."""

    def __init__(self, *_args: object) -> None:
        """Accept and ignore the arguments of the class."""


def load_segmentation(weights: Path) -> Segmentation:
    """Read the tensors of the public checkpoint without importing or executing what it names.

    Returns the network in evaluation mode. Raises `RuntimeError` (torch's) if a tensor is
    missing, unknown or of another shape, `pickle.UnpicklingError` if it names other classes.
    """
    with torch.serialization.safe_globals([(Ignored, name) for name in DESCRIBING_CLASSES]):
        checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
    state: dict[str, Tensor] = dict(checkpoint["state_dict"])
    low_hz, width_hz = (state.pop(f"{FILTERS}.filterbank.{n}_hz_") for n in ("low", "band"))
    for name in ("window_", "n_"):  # the window and the time axis, which sinc_filters has too
        state.pop(f"{FILTERS}.filterbank.{name}", None)
    state[f"{FILTERS}.weight"] = sinc_filters(low_hz, width_hz)
    net = Segmentation()
    net.load_state_dict(state, strict=True)
    return net.eval()
